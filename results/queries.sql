-- Questions to a database made by
--     attnbench report A.json B.json --format sqlite --out lab.db
-- Ask all of them: sqlite3 -box lab.db < results/queries.sql
--
-- Tables: run, device (of a run), row (a column a field of the results file's rows: time.median_s is
-- time_median_s, problem.n_q is n_q, an interval two columns), sample (the times of a row).
-- result is a view: each row with its run's date and suite and its device's name and driver.

-- Which variant is best for each n on each device? By the latest run of each cell.
WITH latest AS (
    SELECT *, rank() OVER (PARTITION BY device_name, cell ORDER BY started_utc DESC, run_id) AS age
    FROM result
)
SELECT device_name, dtype, mask, heads_q, d_k, n_q, n_kv, variant,
       min(time_median_s) AS median_s,
       round(rates_gflop_s, 1) AS gflop_s,
       round(100 * rates_frac_of_roofline) AS percent_of_roofline
FROM latest
WHERE status = 'ok' AND age = 1
GROUP BY device_name, cell
ORDER BY device_name, dtype, mask, heads_q, d_k, n_q, n_kv;

-- When did a variant become slower? Against the run before on the same device: by over 5 %, and the
-- 95 % intervals of the medians do not overlap.
WITH history AS (
    SELECT device_name, variant, cell, started_utc, device_driver, time_median_s,
           time_ci95_low_s,
           lag(time_median_s) OVER before AS previous_s,
           lag(time_ci95_high_s) OVER before AS previous_high_s,
           lag(device_driver) OVER before AS previous_driver
    FROM result
    WHERE status = 'ok'
    WINDOW before AS (PARTITION BY device_name, variant, cell ORDER BY started_utc)
)
SELECT variant, cell, device_name, started_utc,
       round(time_median_s / previous_s, 2) AS times_as_long,
       previous_driver || ' -> ' || device_driver AS drivers
FROM history
WHERE time_median_s > 1.05 * previous_s AND time_ci95_low_s > previous_high_s
ORDER BY time_median_s / previous_s DESC;

-- How accurate is the worst right result of each dtype? 1 is the tolerance.
SELECT dtype, max(check_err_over_tolerance) AS err_over_tolerance, check_max_abs_err, variant,
       device_name, cell
FROM result
WHERE status = 'ok'
GROUP BY dtype
ORDER BY err_over_tolerance DESC;

-- What does not work, and why?
SELECT device_name, variant, status, count(*) AS cells, reason
FROM result
WHERE status NOT IN ('ok', 'skipped', 'unsupported')
GROUP BY device_name, variant, status, reason
ORDER BY cells DESC;
