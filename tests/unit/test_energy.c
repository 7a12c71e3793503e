/* Meters against counters that are written here: files below a folder, and an NVML of two GPUs. */
#include <math.h>
#include <time.h>
#include <unistd.h>

#include "energy/energy.h"
#include "meters.h"

/* A laptop: package with cores, graphics and memory below it; and the platform. */
static void put_laptop(void)
{
    put_domain("intel-rapl:0", "package-0\n", 1e6, 262143328850);
    put_domain("intel-rapl:0:0", "core\n", 2e6, 262143328850);
    put_domain("intel-rapl:0:1", "uncore\n", 0, 262143328850);
    put_domain("intel-rapl:0:2", "dram\n", 3e6, 65712999613);
    put_domain("intel-rapl:1", "psys\n", 4e6, 262143328850);
}

/* ---- the recorder on it ---- */

static mote_context *context;
static mote_energy *energy;

static void start(const mote_energy_options *options)
{
    context = unit_context(1, NULL);
    unit_ok(context, mote_energy_start_in(context, options, tree, "./no-nvml.so", &energy));
}

static mote_energy_result get(void)
{
    mote_energy_result result;
    mote_energy_get(energy, &result);
    assert_true(result.kind == MOTE_ENERGY_MEASURED ? isfinite(result.joules) : isnan(result.joules));
    assert_int_equal(strncmp(result.source, mote_energy_kind_name(result.kind), 8), 0);
    return result;
}

static void stop(void)
{
    mote_energy_stop(energy);
    mote_context_destroy(context);
}

static mote_energy_domain domain(const char *name)
{
    for (int i = 0; i < mote_energy_domain_count(energy); i++) {
        mote_energy_domain d = mote_energy_get_domain(energy, i);
        if (strcmp(d.name, name) == 0) {
            return d;
        }
    }
    fail_msg("no counter is called %s", name);
    return (mote_energy_domain){0};
}

static void assert_near(double found, double expected)
{
    if (!(fabs(found - expected) <= 1e-9 * fabs(expected))) {
        fail_msg("found %.17g, expected %.17g", found, expected);
    }
}

/* The memory is beside the package; cores and graphics are in it; the platform holds all. */
static void nothing_is_added_twice(void **state)
{
    (void)state;
    put_laptop();
    start(NULL);
    put_counter("intel-rapl:0", 1e6 + 50e6);
    put_counter("intel-rapl:0:0", 2e6 + 30e6);
    put_counter("intel-rapl:0:2", 3e6 + 7e6);
    put_counter("intel-rapl:1", 4e6 + 90e6);
    mote_energy_result r = get();
    assert_near(r.joules, 57);
    assert_string_equal(r.source, "measured: package-0, package-0/dram");
    assert_true(isnan(r.idle_watts) && r.seconds > 0);
    assert_int_equal(mote_energy_domain_count(energy), 5);
    assert_near(domain("package-0").joules, 50);
    assert_near(domain("package-0/core").joules, 30);
    assert_near(domain("psys").joules, 90);
    assert_true(domain("package-0").counted && domain("package-0/dram").counted);
    assert_true(!domain("package-0/core").counted && !domain("package-0/uncore").counted && !domain("psys").counted);
    assert_near(domain("psys").watts, 90 / r.seconds);
    stop();
}

static void two_packages(void **state)
{
    (void)state;
    put_domain("intel-rapl:0", "package-0\n", 5, 1e9);
    put_domain("intel-rapl:1", "package-1\n", 6, 1e9);
    start(NULL);
    put_counter("intel-rapl:0", 5 + 1e6);
    put_counter("intel-rapl:1", 6 + 2e6);
    assert_near(get().joules, 3);
    stop();
}

static void platform_alone(void **state)
{
    (void)state;
    put_domain("intel-rapl:0", "psys\n", 5, 1e9);
    start(NULL);
    put_counter("intel-rapl:0", 5 + 8e6);
    mote_energy_result r = get();
    assert_near(r.joules, 8);
    assert_string_equal(r.source, "measured: psys");
    stop();
}

/* Readings in between make good every time that a counter begins again. */
static void counters_begin_again(void **state)
{
    (void)state;
    const double range = 1000e6;
    put_domain("intel-rapl:0", "package-0\n", 900e6, range);
    start(NULL);
    double total = 0, at = 900e6;
    for (int i = 0; i < 7; i++) {
        at += 700e6;
        total += 700;
        at -= at >= range ? range : 0;
        put_counter("intel-rapl:0", at);
        assert_near(get().joules, total);
    }
    stop();
}

/* Names go into JSON. */
static void names_can_be_shown(void **state)
{
    (void)state;
    put_domain("intel-rapl:0", "p\xff\x01\xc3", 5, 1e9);
    start(NULL);
    put_counter("intel-rapl:0", 5 + 1e6);
    assert_string_equal(get().source, "measured: p???");
    stop();
}

/* Without a range, a counter that falls cannot be made good. */
static void unknown_range(void **state)
{
    (void)state;
    put_domain("intel-rapl:0", "package-0\n", 900e6, 0);
    start(NULL);
    put_counter("intel-rapl:0", 100e6);
    mote_energy_result r = get();
    assert_int_equal(r.kind, MOTE_ENERGY_UNAVAILABLE);
    assert_string_equal(r.source, "unavailable: package-0 could not be read to the end");
    stop();
}

/* It must not give a sum of the others, nor come back. */
static void a_domain_vanishes(void **state)
{
    (void)state;
    put_laptop();
    start(NULL);
    put_counter("intel-rapl:0", 51e6);
    put_counter("intel-rapl:0:2", 10e6);
    assert_int_equal(get().kind, MOTE_ENERGY_MEASURED);
    assert_int_equal(remove(tree_path("sys/class/powercap/intel-rapl:0:2/energy_uj")), 0);
    mote_energy_result r = get();
    assert_int_equal(r.kind, MOTE_ENERGY_UNAVAILABLE);
    assert_string_equal(r.source, "unavailable: package-0/dram could not be read to the end");
    assert_true(isnan(domain("package-0/dram").joules));
    assert_near(domain("package-0").joules, 50);
    put_counter("intel-rapl:0:2", 20e6);
    assert_int_equal(get().kind, MOTE_ENERGY_UNAVAILABLE);
    stop();
}

/* What is only shown may vanish. */
static void a_part_vanishes(void **state)
{
    (void)state;
    put_laptop();
    start(NULL);
    put_counter("intel-rapl:0", 51e6);
    put_counter("intel-rapl:0:2", 4e6);
    assert_int_equal(remove(tree_path("sys/class/powercap/intel-rapl:0:0/energy_uj")), 0);
    assert_near(get().joules, 51);
    assert_true(isnan(domain("package-0/core").joules));
    stop();
}

/* A file that holds no number, or a negative one, is no counter. */
static void damaged_counters(void **state)
{
    (void)state;
    static const char *const texts[] = {"", "\n", "-5\n", "none\n", "99999999999999999999999999\n"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        put_domain("intel-rapl:0", "package-0\n", 1e6, 1e9);
        start(NULL);
        put("sys/class/powercap/intel-rapl:0/energy_uj", texts[i]);
        assert_int_equal(get().kind, MOTE_ENERGY_UNAVAILABLE);
        stop();
        start(NULL);
        put_counter("intel-rapl:0", 2e6);
        mote_energy_result r = get();
        assert_true(r.kind == MOTE_ENERGY_UNAVAILABLE || r.joules >= 0);
        stop();
    }
}

/* 0 joules are no measurement; a memory that does not count is left out, and named. */
static void counters_stand_still(void **state)
{
    (void)state;
    put_laptop();
    start(NULL);
    mote_energy_result r = get();
    assert_int_equal(r.kind, MOTE_ENERGY_UNAVAILABLE);
    assert_string_equal(r.source, "unavailable: no progress of package-0, package-0/dram");
    put_counter("intel-rapl:0", 2e6);
    r = get();
    assert_near(r.joules, 1);
    assert_string_equal(r.source, "measured: package-0; no progress of package-0/dram");
    stop();
}

/* The command that grants it is the one to type. As root everything may be read: then there is nothing to test. */
static void missing_permission(void **state)
{
    (void)state;
    mote_meters meters;
    char expected[512];
    if (geteuid() == 0 && seteuid(65534) != 0) {
        skip();
    }
    bool was_root = getuid() == 0;
    if (was_root) {
        assert_int_equal(seteuid(0), 0);
    }
    put_laptop();
    assert_int_equal(chmod(tree, 0755), 0);
    assert_int_equal(chmod(tree_path("sys/class/powercap/intel-rapl:0/energy_uj"), 0), 0);
    assert_int_equal(chmod(tree_path("sys/class/powercap/intel-rapl:0:2/energy_uj"), 0), 0);
    assert_int_equal(chmod(tree_path("sys/class/powercap/intel-rapl:1/energy_uj"), 0), 0);
    if (was_root) {
        assert_int_equal(seteuid(65534), 0);
    }
    mote_meters_open(&meters, tree, "./no-nvml.so");
    assert_string_equal(meters.meters[0].detail, "package-0/core, package-0/uncore; 3 domain(s) may not be read");
    snprintf(expected, sizeof expected, "sudo chmod a+r %s/sys/class/powercap/intel-rapl:*/energy_uj", tree);
    assert_string_equal(meters.meters[0].grant, expected);
    mote_meters_close(&meters);
    start(NULL);
    mote_energy_result r = get();
    assert_int_equal(r.kind, MOTE_ENERGY_UNAVAILABLE);
    assert_non_null(strstr(r.source, expected));
    stop();
    if (was_root) {
        assert_int_equal(seteuid(0), 0);
    }
}

static void nothing_is_there(void **state)
{
    (void)state;
    start(NULL);
    mote_energy_read(energy);
    mote_energy_result r = get();
    assert_int_equal(r.kind, MOTE_ENERGY_UNAVAILABLE);
    assert_int_equal(mote_energy_domain_count(energy), 0);
    assert_non_null(strstr(r.source, "no energy counter"));
    stop();
    mote_energy_stop(NULL);
}

static void more_than_fit(void **state)
{
    (void)state;
    for (int i = 0; i <= MOTE_COUNTERS; i++) {
        char name[32];
        snprintf(name, sizeof name, "intel-rapl:%d", i);
        put_domain(name, "package\n", 1, 1e9);
    }
    start(NULL);
    put_counter("intel-rapl:0", 1e6);
    mote_energy_result r = get();
    assert_int_equal(r.kind, MOTE_ENERGY_UNAVAILABLE);
    assert_string_equal(r.source, "unavailable: the machine has more than 128 energy counters");
    stop();
}

/* ---- powers ---- */

static void wait_seconds(double seconds)
{
    struct timespec t = {(time_t)seconds, (long)(fmod(seconds, 1) * 1e9)};
    nanosleep(&t, NULL);
}

/* From 10 W to 20 W evenly: 15 W. */
static void battery(void **state)
{
    (void)state;
    put("sys/class/power_supply/BAT0/status", "Discharging\n");
    put("sys/class/power_supply/BAT0/power_now", "10000000\n");
    start(NULL);
    wait_seconds(0.05);
    put("sys/class/power_supply/BAT0/power_now", "20000000\n");
    mote_energy_result r = get();
    assert_near(r.joules, 15 * r.seconds);
    assert_string_equal(r.source, "measured: battery BAT0");
    put("sys/class/power_supply/BAT0/status", "Charging\n");
    assert_int_equal(get().kind, MOTE_ENERGY_UNAVAILABLE);
    stop();
    start(NULL); /* on mains from the beginning */
    assert_int_equal(mote_energy_domain_count(energy), 0);
    stop();
}

/* Of batteries without power_now; the sign is the direction. */
static void battery_current(void **state)
{
    (void)state;
    put("sys/class/power_supply/BAT1/status", "Discharging\n");
    put("sys/class/power_supply/BAT1/current_now", "-1500000\n");
    put("sys/class/power_supply/BAT1/voltage_now", "12000000\n");
    start(NULL);
    wait_seconds(0.02);
    mote_energy_result r = get();
    assert_near(r.joules, 18 * r.seconds);
    stop();
}

/* What the battery says holds what the package says. */
static void battery_beside_a_package(void **state)
{
    (void)state;
    put("sys/class/power_supply/BAT0/status", "Discharging\n");
    put("sys/class/power_supply/BAT0/power_now", "10000000\n");
    put_domain("intel-rapl:0", "package-0\n", 5, 1e9);
    start(NULL);
    put_counter("intel-rapl:0", 5 + 1e6);
    assert_near(get().joules, 1);
    assert_false(domain("battery BAT0").counted);
    stop();
}

/* ACPI's power meter has the whole machine; the average is preferred to a moment's. Of others nobody knows. */
static void sensors(void **state)
{
    (void)state;
    put("sys/class/hwmon/hwmon0/name", "power_meter\n");
    put("sys/class/hwmon/hwmon0/power1_average", "250000000\n");
    put("sys/class/hwmon/hwmon0/power1_input", "999000000\n");
    put("sys/class/hwmon/hwmon1/name", "ina3221\n");
    put("sys/class/hwmon/hwmon1/power1_input", "7000000\n");
    put("sys/class/hwmon/hwmon1/power1_label", "VDD IN\n");
    put("sys/class/hwmon/hwmon2/name", "cosmos\n");
    put("sys/class/hwmon/hwmon2/energy3_input", "1000000\n");
    start(NULL);
    wait_seconds(0.02);
    put("sys/class/hwmon/hwmon2/energy3_input", "3500000\n");
    mote_energy_result r = get();
    assert_near(r.joules, 250 * r.seconds);
    assert_int_equal(mote_energy_domain_count(energy), 3);
    assert_near(domain("ina3221/VDD IN").joules, 7 * r.seconds);
    assert_near(domain("cosmos/energy3").joules, 2.5);
    assert_true(!domain("ina3221/VDD IN").counted && !domain("cosmos/energy3").counted);
    stop();
}

static void gpus(void **state)
{
    (void)state;
    const mote_energy_options options = {.gpus = 1};
    mote_energy_result r;
    put_domain("intel-rapl:0", "package-0\n", 5, 1e9);
    setenv("MOTE_FAKE_MILLIJOULES", "5000000", 1);
    for (int counting = 0; counting < 2; counting++) {
        put_counter("intel-rapl:0", 5);
        context = unit_context(1, NULL);
        unit_ok(context, mote_energy_start_in(context, counting ? &options : NULL, tree, MOTE_FAKE_NVML, &energy));
        assert_int_equal(mote_energy_domain_count(energy), 2);
        put_counter("intel-rapl:0", 5 + 2e6);
        setenv("MOTE_FAKE_MILLIJOULES", counting ? "5001500" : "5000000", 1);
        r = get();
        assert_near(r.joules, counting ? 3.5 : 2);
        assert_string_equal(r.source, counting ? "measured: package-0, GPU 0" : "measured: package-0");
        stop();
    }
    unsetenv("MOTE_FAKE_MILLIJOULES");
    mote_meters meters;
    mote_meters_open(&meters, tree, MOTE_FAKE_NVML);
    assert_int_equal(meters.counter_count, 1);
    assert_string_equal(meters.meters[2].detail, "NVML does not start: no GPU, or the driver does not run");
    mote_meters_close(&meters);
}

/* ---- idle, and who was busy ---- */

static void idle_power(void **state)
{
    (void)state;
    const mote_energy_options options = {.idle_seconds = 0.05};
    put("sys/class/power_supply/BAT0/status", "Discharging\n");
    put("sys/class/power_supply/BAT0/power_now", "6000000\n");
    start(&options);
    put("sys/class/power_supply/BAT0/power_now", "8000000\n");
    mote_energy_result r = get();
    assert_near(r.idle_watts, 6);
    assert_near(r.joules, 7 * r.seconds);
    assert_true(r.seconds < 0.04); /* the wait is before it */
    stop();
}

static void share_of_the_machine(void **state)
{
    (void)state;
    char text[128];
    long ticks = sysconf(_SC_CLK_TCK);
    put("proc/stat", "cpu  100 20 30 5000 7 1 2 0 0 0\n");
    start(NULL);
    for (double end = mote_clock() + 0.1; mote_clock() < end;) {
    }
    snprintf(text, sizeof text, "cpu  %ld 20 30 9000 7 1 2 0 0 0\n", 100 + 10 * ticks); /* ten seconds, all told */
    put("proc/stat", text);
    double share = get().busy_share;
    assert_true(share > 0.0005 && share < 0.1);
    put("proc/stat", "intr 5\n");
    assert_true(isnan(get().busy_share));
    stop();
}

/* Readings are taken once a second at most. */
static void readings_are_rare(void **state)
{
    (void)state;
    put_domain("intel-rapl:0", "package-0\n", 5, 1e9);
    start(NULL);
    put_counter("intel-rapl:0", 5 + 1e6);
    mote_energy_read(energy);
    assert_true(domain("package-0").joules == 0);
    wait_seconds(1.01);
    mote_energy_read(energy);
    assert_near(domain("package-0").joules, 1);
    stop();
}

static void this_machine(void **state)
{
    (void)state;
    context = unit_context(1, NULL);
    unit_ok(context, mote_energy_start(context, NULL, &energy));
    mote_energy_read(energy);
    get();
    stop();
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, tree_open, tree_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(nothing_is_added_twice),
        TEST(two_packages),
        TEST(platform_alone),
        TEST(counters_begin_again),
        TEST(names_can_be_shown),
        TEST(unknown_range),
        TEST(a_domain_vanishes),
        TEST(a_part_vanishes),
        TEST(damaged_counters),
        TEST(counters_stand_still),
        TEST(missing_permission),
        TEST(nothing_is_there),
        TEST(more_than_fit),
        TEST(battery),
        TEST(battery_current),
        TEST(battery_beside_a_package),
        TEST(sensors),
        TEST(gpus),
        TEST(idle_power),
        TEST(share_of_the_machine),
        TEST(readings_are_rare),
        TEST(this_machine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
