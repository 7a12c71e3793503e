/* torch's attention, measured in a child process: mote needs neither Python nor torch. */
#include "bench.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Answers each line "length backward repeat" by the seconds of one run on 8 heads of 64. */
static const char script[] =
    "import sys, time, torch\n"
    "torch.set_num_threads(int(sys.argv[1]))\n"
    "print(torch.__version__, flush=True)\n"
    "made = {}\n"
    "for line in sys.stdin:\n"
    "    length, backward, repeat = map(int, line.split())\n"
    "    if length not in made:\n"
    "        made = {length: [torch.randn(1, 8, length, 64, requires_grad=True) for _ in range(3)]}\n"
    "    with torch.set_grad_enabled(bool(backward)):\n"
    "        start = time.perf_counter()\n"
    "        for _ in range(repeat):\n"
    "            y = torch.nn.functional.scaled_dot_product_attention(*made[length], is_causal=True)\n"
    "            if backward:\n"
    "                y.backward(torch.ones_like(y))\n"
    "        print((time.perf_counter() - start) / repeat, flush=True)\n";

static pid_t child;
static FILE *requests, *answers;

static void run_child(int in, int out, int threads)
{
    const char *python = getenv("MOTE_TORCH_PYTHON");
    char count[16];
    snprintf(count, sizeof count, "%d", threads);
    dup2(in, STDIN_FILENO);
    dup2(out, STDOUT_FILENO);
    if (!freopen("/dev/null", "w", stderr)) {
        _exit(1);
    }
    python = python && *python ? python : "python3";
    execlp(python, python, "-c", script, count, (char *)NULL);
    _exit(1);
}

static bool answer(char *line, size_t size)
{
    if (!answers || !fgets(line, (int)size, answers)) {
        return false;
    }
    line[strcspn(line, "\n")] = '\0';
    return true;
}

bool bench_torch_open(int threads, char *version, size_t size)
{
    int in[2], out[2];
    if (pipe(in) != 0) {
        return false;
    }
    if (pipe(out) != 0) {
        close(in[0]);
        close(in[1]);
        return false;
    }
    signal(SIGPIPE, SIG_IGN); /* a child that is gone shows in its answers */
    child = fork();
    if (child == 0) {
        close(in[1]);
        close(out[0]);
        run_child(in[0], out[1], threads);
    }
    close(in[0]);
    close(out[1]);
    requests = fdopen(in[1], "w");
    answers = fdopen(out[0], "r");
    if (child > 0 && requests && answer(version, size)) {
        return true;
    }
    bench_torch_close();
    return false;
}

double bench_torch_seconds(size_t length, bool backward, size_t repeat)
{
    char line[64];
    if (!requests || fprintf(requests, "%zu %d %zu\n", length, backward, repeat) < 0 || fflush(requests) != 0 ||
        !answer(line, sizeof line)) {
        return 0;
    }
    return strtod(line, NULL);
}

void bench_torch_close(void)
{
    if (requests) {
        fclose(requests);
    }
    if (answers) {
        fclose(answers);
    }
    if (child > 0) {
        waitpid(child, NULL, 0);
    }
    requests = answers = NULL;
    child = 0;
}
