SELECT * FROM t0 AS x(i, j), LATERAL (SELECT * FROM t1 WHERE t1.a = x.i LIMIT 1) y LEFT JOIN t2 USING (id) WHERE (x.i, x.j) < ($1, $2)
WITH t0 AS (SELECT * FROM t0) SELECT * FROM t0
WITH a AS (SELECT 1), t1 AS (SELECT * FROM a, t1), b AS (TABLE t1) SELECT * FROM b
WITH RECURSIVE t0(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t0 WHERE n < 5) SELECT * FROM t0, w.t1
SELECT (SELECT max(a) FROM q WHERE q.b = p.b) FROM p WHERE EXISTS (WITH p AS (SELECT * FROM e) SELECT 1 FROM p)
SELECT DISTINCT ON (a) a, b::text, c || 'x' FROM ONLY t0 ORDER BY a DESC NULLS LAST OFFSET 3 ROWS FETCH NEXT 5 ROWS ONLY FOR UPDATE OF t0 NOWAIT
SELECT a, count(*) FILTER (WHERE b > 1) OVER (PARTITION BY c ORDER BY id ROWS BETWEEN 1 PRECEDING AND CURRENT ROW EXCLUDE TIES) FROM p WINDOW w AS (ORDER BY a)
SELECT a, b, sum(id) FROM p GROUP BY GROUPING SETS ((a), CUBE (a, b), ()), ROLLUP (b) HAVING grouping(a) = 0
SELECT $$it's$$, $q$a $$ b$q$, E'a\'b', 'a''b', U&'x', B'01', X'1F', 1.5e-3, .5, 7. FROM p /* a /* b */ c */ -- d
SELECT data -> 'a' ->> 'b', data #>> '{a}', data @> '{}', data ? 'x', data - 'a' FROM p
SELECT NOT a IS NULL AND b = 1 OR c NOT LIKE 'a%' ESCAPE '!' AND a BETWEEN SYMMETRIC 1 AND 2 AND b IS DISTINCT FROM 3 FROM p
SELECT a + b * c ^ 2 - - 1, -a::int, a[1], a[1:2], (ARRAY[1, 2])[1], a COLLATE "C" || b, a AT TIME ZONE 'utc' FROM p
SELECT extract(epoch FROM a), substring(c FROM 1 FOR 2), trim(LEADING 'x' FROM c), position('a' IN c), overlay(c PLACING 'x' FROM 2), left(c, 1) FROM p
SELECT CASE a WHEN 1 THEN 'x' ELSE 'y' END, CASE WHEN a > 1 THEN b END, CAST(a AS numeric(10, 2)), a::double precision[], interval '1 day', timestamp with time zone '2026-01-01', INTERVAL '1' DAY FROM p
SELECT * FROM p JOIN q JOIN e ON e.id = q.id ON p.id = q.id, (t0 CROSS JOIN t1) NATURAL FULL OUTER JOIN t2
(SELECT a FROM p ORDER BY 1 LIMIT 1) UNION ALL (SELECT b FROM q) EXCEPT SELECT 1 ORDER BY 1
SELECT * FROM (VALUES (1, 'a'), (2, 'b')) v(n, s), unnest(ARRAY[1]) WITH ORDINALITY AS u(x, o), generate_series(1, 3) g, jsonb_to_recordset($1) AS r(a int, b text[]) WHERE n = ANY ($2::int[]) AND s <> ALL (ARRAY['x'])
SELECT year, month FROM (SELECT 1 AS year, 2 AS month, 3 AS select FROM p) AS date
SELECT p.*, p FROM p WHERE ROW(a, b) IN ((1, 2), (3, 4)) AND a = ANY (SELECT a FROM q) AND (a, b) IS NOT DISTINCT FROM ROW(1, NULL)
SELECT string_agg(c, ',' ORDER BY id DESC), percentile_cont(0.5) WITHIN GROUP (ORDER BY a), array(SELECT a FROM q), concat_ws(VARIADIC ARRAY['a']), make_interval(days => 3) FROM p
