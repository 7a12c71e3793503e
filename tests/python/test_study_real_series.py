"""Tasks on real series against their raw files: what is learned from comes before what is tested, numbers, baselines and scores."""

import datetime

import numpy as np

from real_data import Draws, accuracy, auroc, check_baselines, check_score, column, frequencies, given, open_text, ridge, rmse, same, standardize, table

# ---- climate ----


def test_enso(data_folder):
    folder, data = given(data_folder, "enso")
    temperature = {(int(r["YEAR"]), int(r["MON/MMM"])): np.float32(r["NINO34_ANOM"]) for r in table(folder / "oni.csv")}
    pressure = {}
    for row in table(folder / "soi.long.csv"):
        date, value = list(row.values())[:2]
        if date and value:
            pressure[int(date[:4]), int(date[5:7])] = np.float32(value)
    assert all(abs(v) < 8 for v in pressure.values())  # -99.99 would be a month without a measurement
    after = lambda month, n: ((month[0] * 12 + month[1] - 1 + n) // 12, (month[0] * 12 + month[1] - 1 + n) % 12 + 1)
    parts = {"training": ([], []), "test": ([], [])}
    for now in sorted(temperature):
        past, then = [after(now, n) for n in range(-23, 1)], after(now, 6)
        values = [temperature.get(m, np.nan) for m in past] + [pressure.get(m, np.nan) for m in past]
        part = "training" if then < (1980, 1) else "test" if now >= (1981, 1) else None
        if part and np.isfinite(values).all() and np.isfinite(temperature.get(then, np.nan)):
            parts[part][0].append(values + [float(now[1] == m) for m in range(1, 13)])
            parts[part][1].append(temperature[then])
    (x, y), (xt, yt) = (tuple(np.array(a, float) for a in part) for part in parts.values())
    assert len(x) > 1000 and len(xt) > 400
    a, b, _, _ = standardize(x, xt)
    ya, yb, mean, deviation = standardize(y, yt)
    same(data.training, months=a, half_a_year_later=ya)
    same(data.test, months=b, half_a_year_later=yb)
    check_baselines(data, rmse(yt, mean), deviation * rmse(yb, ridge(a, ya, b, 0.05).ravel()))
    check_score(data, lambda guess: deviation * rmse(yb, guess), yb.shape)


def test_sea_ice(data_folder):
    folder, data = given(data_folder, "sea_ice")
    rows = table(folder / "seaice.csv")
    day = lambda text: datetime.date.fromisoformat(text).toordinal()
    known, extent = np.array([day(r["Date"]) for r in rows]), column(rows, "Extent")
    days = np.arange(day("1980-01-01"), known.max() + 1)
    ice = np.interp(days, known, extent)
    dates = [datetime.date.fromordinal(int(d)) for d in days]
    year, of_year = np.array([d.year for d in dates]), np.array([d.timetuple().tm_yday - 1 for d in dates])
    mean = np.array([ice[(of_year == d) & (year < 2010)].mean() for d in range(366)])
    anomaly = ice - mean[of_year]
    now = np.arange(365, len(days) - 60, 5)
    learned, tested = now[year[now + 60] < 2010], now[year[now] >= 2010]
    assert len(learned) > 2000 and len(tested) > 600
    make = lambda at: np.concatenate([anomaly[at[:, None] - 10 * np.arange(37)], *waves(of_year[at])], 1)
    waves = lambda d: [f(2 * np.pi * n * d[:, None] / 365.25) for n in (1, 2) for f in (np.cos, np.sin)]
    a, b, _, _ = standardize(make(learned), make(tested))
    ya, yb, centre, deviation = standardize(anomaly[learned + 60], anomaly[tested + 60])
    same(data.training, past_year=a, two_months_later=ya)
    same(data.test, past_year=b, two_months_later=yb)
    check_baselines(data, rmse(anomaly[tested + 60], 0), rmse(anomaly[tested + 60], anomaly[tested]))
    check_score(data, lambda guess: deviation * rmse(yb, guess), yb.shape)


# ---- energy ----


def test_power_transformer(data_folder):
    folder, data = given(data_folder, "power_transformer")
    rows = table(folder / "ETTh1.csv.gz")[: 20 * 720]
    hours = [datetime.datetime.fromisoformat(r["date"]) for r in rows]
    assert all(b - a == datetime.timedelta(hours=1) for a, b in zip(hours, hours[1:]))
    series = np.stack([column(rows, name) for name in ("HUFL", "HULL", "MUFL", "MULL", "LUFL", "LULL", "OT")], 1)
    x = (series - series[: 12 * 720].mean(0)) / series[: 12 * 720].std(0)
    parts = [range(168, 12 * 720 - 96 + 1, 2), range(16 * 720, 20 * 720 - 96 + 1)]  # the paper's borders, 12, 4 and 4 months
    before, after = ([np.stack([x[t + a : t + b].T - x[t - 1][:, None] for t in part]) for part in parts] for a, b in ((-168, 0), (0, 96)))
    for i, arrays in enumerate((data.training, data.test)):
        same(arrays, before=before[i], after=after[i])
    truth = after[1]
    check_baselines(data, np.mean(truth**2), np.mean((np.tile(before[1][:, :, -24:], 4) - truth) ** 2))
    check_score(data, lambda guess: np.mean((guess - truth) ** 2), truth.shape, seeds=1)


# ---- medicine ----


def test_ecg_leads(data_folder):
    folder, data = given(data_folder, "ecg_leads")
    raw = np.load(folder / "record100.npz")
    n = len(raw["adc"]) // 3
    leads = raw["adc"][: 3 * n].reshape(n, 3, 2).mean(1) / raw["adc_per_mv"]
    sums = np.concatenate([np.zeros((1, 2)), leads.cumsum(0)])
    begin, end = np.maximum(np.arange(n) - 60, 0), np.minimum(np.arange(n) + 60, n)
    leads -= (sums[end] - sums[begin]) / (end - begin)[:, None]
    assert raw["fs_hz"] == 360 and 0.5 < leads[:, 0].max() < 2  # mV, as hearts have
    border = n * 7 // 10
    begins = [np.arange(0, border - 192 + 1, 64), np.arange(border, n - 192 + 1, 128)]
    seen, told = ([leads[b[:, None] + at, lead] for b in begins] for lead, at in ((0, np.arange(192)), (1, np.arange(32, 160))))
    a, b = ((x - seen[0].mean()) / seen[0].std() for x in seen)
    mean, deviation = told[0].mean(), told[0].std()
    ya, yb = ((y - mean) / deviation for y in told)
    same(data.training, first_lead=a.reshape(-1, 48, 4), second_lead=ya.reshape(-1, 32, 4))
    same(data.test, first_lead=b.reshape(-1, 48, 4), second_lead=yb.reshape(-1, 32, 4))
    check_baselines(data, rmse(told[1], told[0].mean(0)), deviation * rmse(yb, ridge(a, ya, b, 1e-3)))
    check_score(data, lambda guess: deviation * rmse(yb, guess.reshape(yb.shape)), (len(yb), 32, 4))


# ---- the earth ----


def test_phasenet_picks(data_folder):
    folder, data = given(data_folder, "phasenet_picks")
    raw = np.load(folder / "waveforms.npz")
    waves, count = raw["waveform"].astype(float), len(raw["p_index"])
    assert np.all(raw["p_index"] == 3000)
    draws = Draws(2019)
    order = draws.order(count)
    tested = count // 4
    crops = [(record, 8 if i < tested else 24, i < tested) for i, record in enumerate(order)]
    arrivals = iter([64 + d for d in draws.below([1024 - 128] * sum(n for _, n, _ in crops))])
    parts = ([], []), ([], [])
    for record, n, test in crops:
        for _ in range(n):
            arrival = next(arrivals)
            window = waves[record, 3000 - arrival : 4024 - arrival]
            deviation = window.std(0)
            parts[test][0].append(np.divide(window - window.mean(0), deviation, out=np.zeros_like(window), where=deviation > 0))
            parts[test][1].append(arrival)
    for arrays, (x, at) in zip((data.training, data.test), parts):
        at = np.array(at)
        same(arrays, waves=np.array(x).reshape(-1, 128, 24), place=at // 8, time=at / 100)
    x, at = data.test["waves"].reshape(-1, 1024, 3).astype(float), data.test["time"].astype(float)

    def score(guess):
        return np.mean(np.abs((guess.argmax(1) + 0.5) * 0.08 - at) <= 0.1)

    energy = np.concatenate([np.zeros((len(x), 1)), (x**2).sum(2).cumsum(1)], 1)
    t = np.arange(128) * 8 + 4
    after = (energy[:, np.minimum(t + 50, 1024)] - energy[:, t]) / 50
    before = (energy[:, t] - energy[:, np.maximum(t - 200, 0)]) / 200
    guess = np.where(t < 50, 0, after / (before + 1e-3))
    check_baselines(data, score(np.tile(frequencies(data.training["place"], 128), (len(at), 1))), score(guess))
    check_score(data, score, (len(at), 128))


def log_windows(rows, wells, stride):
    """First row and begin of each window of 64 depths; the last of a well ends with it."""
    for well in dict.fromkeys(wells):
        first = wells.index(well)
        n = wells.count(well)
        assert wells[first : first + n] == [well] * n
        yield first, n, [min(b, n - 64) for b in range(0, n - 64 + stride, stride)]


def test_well_log_facies(data_folder):
    folder, data = given(data_folder, "well_log_facies")
    files = [table(folder / name) for name in ("facies_vectors.csv.gz", "validation_data_nofacies.csv")]
    logs = []
    for rows in files:
        known = np.array([r["PE"] != "" for r in rows])
        columns = [column([r if r[n] else {n: "nan"} for r in rows], n) for n in ("GR", "ILD_log10", "DeltaPHI", "PHIND", "PE", "NM_M", "RELPOS")]
        logs.append(np.stack([*columns, known], 1))
    mean = np.nanmean(logs[0][:, 4])
    logs = [np.where(np.isnan(x), mean, x) for x in logs]
    wells = [[r["Well Name"] for r in rows] for rows in files]
    assert not set(wells[0]) & set(wells[1]) and set(wells[1]) == {"STUART", "CRAWFORD"}
    core = {(r["WellName"], float(r["Depth.ft"])): int(r["LithCode"]) for r in table(folder / "blind_stuart_crawford_core_facies.csv")}
    truth = [np.array([int(r["Facies"]) - 1 for r in files[0]]), np.array([core.get((r["Well Name"], float(r["Depth"])), 0) - 1 for r in files[1]])]
    truth[1][truth[1] > 8] = -1
    x, y = ([], []), ([], [])
    for part, stride in enumerate((16, 32)):
        for first, n, begins in log_windows(files[part], wells[part], stride):
            for k, begin in enumerate(begins):
                x[part].append(logs[part][first + begin : first + begin + 64])
                classes = truth[part][first + begin : first + begin + 64].copy()
                if part:  # each depth counts where it is nearest to the middle
                    low = begins[k - 1] + 48 if k else 0
                    high = begin + 48 if k + 1 < len(begins) else n
                    classes[[not low <= begin + i < high for i in range(64)]] = -1
                y[part].append(classes)
    a, b = (np.array(p) for p in x)
    centre, deviation = a.reshape(-1, 8).mean(0), a.reshape(-1, 8).std(0)
    a, b = ((p - centre) / deviation for p in (a, b))
    same(data.training, logs=a, facies=np.array(y[0]))
    same(data.test, logs=b, facies=np.array(y[1]))
    t = data.test["facies"]
    assert np.sum(t >= 0) == np.sum(truth[1] >= 0)  # each depth once
    classes = data.training["facies"].ravel()
    guess = ridge(a.reshape(-1, 8), np.eye(9)[classes], b.reshape(-1, 8), 1e-3)
    check_baselines(data, accuracy(t, np.tile(frequencies(classes, 9), (t.size, 1))), accuracy(t, guess))
    check_score(data, lambda guess: accuracy(t, guess), (*t.shape, 9))


# ---- nerves ----


def test_eeg_eye_state(data_folder):
    folder, data = given(data_folder, "eeg_eye_state")
    with open_text(folder / "eeg_eye_state.arff.gz") as file:
        lines = [line.strip() for line in file]
    begin = [line.lower() for line in lines].index("@data") + 1
    rows = np.array([line.split(",") for line in lines[begin:] if line and not line.startswith("%")], np.float32).astype(float)
    assert rows.shape == (14980, 15) and set(rows[:, 14]) == {0, 1}
    blocks = np.arange(len(rows) // 256)
    windows = 256 * np.arange(len(rows) // 256)[:, None] + np.arange(0, 256 - 32 + 1, 4)
    parts = [windows[blocks % 3 != 2].ravel(), windows[blocks % 3 == 2].ravel()]
    assert not {r for w in parts[0] for r in range(w, w + 32)} & {r for w in parts[1] for r in range(w, w + 32)}
    x, xt = (rows[w[:, None] + np.arange(32), :14] for w in parts)
    c, ct = (rows[w + 31, 14].astype(int) for w in parts)
    middle = np.sort(x.reshape(-1, 14), axis=0)[x.size // 14 // 2]
    x, xt = (np.clip(part, middle - 200, middle + 200) for part in (x, xt))
    mean, deviation = x.reshape(-1, 14).mean(0), x.reshape(-1, 14).std(0)
    a, b = (x - mean) / deviation, (xt - mean) / deviation
    same(data.training, signal=a, closed=c)
    same(data.test, signal=b, closed=ct)
    told = ridge(a.reshape(len(a), -1), np.eye(2)[c], b.reshape(len(b), -1), 1)
    check_baselines(data, np.mean(ct == frequencies(c, 2).argmax()), accuracy(ct, told))
    check_score(data, lambda guess: accuracy(ct, guess), (len(ct), 2))


def test_grasshopper_spikes(data_folder):
    folder, data = given(data_folder, "grasshopper_spikes")
    parts = {False: ([], []), True: ([], [])}
    for recording in (1, 2):
        with open_text(folder / f"grasshopper_stimulus{recording}.txt.gz") as file:
            amplitude = np.loadtxt(file)[:, 1].astype(np.float32).astype(float)
        loudness = np.log(np.maximum(amplitude, 1e-3)).reshape(-1, 10).mean(1).reshape(-1, 2)
        with open_text(folder / f"grasshopper_spike_times{recording}.txt") as file:
            times = np.array([float(line) for line in file if line.strip() and not line.startswith("#")])
        fired = np.zeros(10000, int)
        fired[(times // 1000).astype(int)] = 1
        assert 800 < fired.sum() <= len(times) < 1000
        for block in range(20):
            for start in range(block * 500 + 1, block * 500 + 469):
                at = np.arange(start, start + 32)
                parts[block % 4 == 3][0].append(np.concatenate([loudness[at], fired[at - 1, None]], 1))
                parts[block % 4 == 3][1].append(fired[start + 31])
    (x, c), (xt, ct) = (tuple(np.array(part) for part in parts[tested]) for tested in (False, True))
    mean, deviation = x.reshape(-1, 3).mean(0), x.reshape(-1, 3).std(0)
    a, b = (x - mean) / deviation, (xt - mean) / deviation
    same(data.training, heard=a, fired=c)
    same(data.test, heard=b, fired=ct)
    check_baselines(data, 0.5, auroc(ct, ridge(a.reshape(len(a), -1), np.eye(2)[c], b.reshape(len(b), -1), 1e-2)))
    check_score(data, lambda guess: auroc(ct, guess), (len(ct), 2))
