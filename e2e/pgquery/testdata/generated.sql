SELECT * FROM p WHERE a <> ALL (ARRAY[1, 0]::integer[])
SELECT id, a, b FROM p WHERE a = $1
WITH RECURSIVE r(n, depth) AS (SELECT $1::int, 0 UNION SELECT l.child, r.depth + 1 FROM link AS l JOIN r ON l.parent = r.n WHERE r.depth < 4 AND NOT (l.kind IS NOT DISTINCT FROM $2)) SELECT n, depth FROM r ORDER BY 1, 2
SELECT * FROM q WHERE a = ANY ($1)
SELECT count(*), sum(x.a), max(x.b), count(x.id) FILTER (WHERE (x.b)::text = $1), array_agg(x.a ORDER BY x.a, x.id) FROM t0 AS x WHERE x.b IN ($2, $3)
WITH t0 AS (SELECT id, b AS a, a AS b FROM t0) SELECT * FROM t0 AS u WHERE NOT (u.b IS NULL)
SELECT x.*, y.a FROM t2 AS x LEFT JOIN (t2 AS y LEFT JOIN t1 AS z ON (z.c COLLATE "C" >= $1 OR z.b IS NOT DISTINCT FROM $2)) ON (x.id IS NOT NULL AND x.a = x.b)
SELECT * FROM q WHERE c = $1::text
SELECT p.id, q.id, r.id FROM p JOIN q ON p.id = q.id JOIN q AS r ON r.a = q.a AND p.b = q.b WHERE p.a = ANY (ARRAY[0, 2])
SELECT DISTINCT ON (x.a) x.a, x.b, x.id FROM t0 AS x WHERE x.c ILIKE '%b' AND x.b = $1::int2 ORDER BY x.a, x.b, x.id
SELECT p.id, q.id, p.b FROM p LEFT JOIN q ON q.a = p.a WHERE p.a = ANY (ARRAY[0, 2]) AND p.b = q.b
SELECT id, a, b FROM q WHERE a IS NOT DISTINCT FROM $1
SELECT x.*, y.* FROM v1 AS x RIGHT JOIN t2 AS y ON x.a = y.a AND ((y.c) = 'c'::text OR y.b IS DISTINCT FROM 0.5) LEFT JOIN t1 AS z ON (y.c = text 'Ab' OR z.d IS NOT DISTINCT FROM NULL) WHERE z.id::text = 'B' AND (z."c" BETWEEN '1'::text AND CAST($$b$$ AS text) AND y.a < x.a)
SELECT * FROM q WHERE a IN ($1, $2)
WITH t2 AS (SELECT id, b AS a, a AS b FROM w.t2) SELECT * FROM t2 AS u WHERE (u.a) IN (0.5, $1) AND u.b = $2 AND EXISTS (SELECT 1 FROM t1 AS v WHERE V.B = $3)
SELECT CASE WHEN coalesce(x.b, $1) = $2 THEN '1' ELSE x.a::text END, x.b || 'z', coalesce(x.a, -1) FROM t2 AS x WHERE x.c ISNULL AND CASE x.a WHEN 1 THEN true ELSE x."a" <> ALL ($3) END
SELECT a AS b, b AS a, c, id, d FROM t1 WHERE a = $1
SELECT * FROM q WHERE c IN ($1, $2)
SELECT x.id, count(*) OVER (PARTITION BY x.a), sum(x.id) OVER w FROM t2 AS x WHERE NOT (x.b BETWEEN $1 AND $2) WINDOW w AS (PARTITION BY x.b ORDER BY x.id, x.a ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
SELECT count(*), sum(x.a), max(x.b), count(x.id) FILTER (WHERE x.d IS DISTINCT FROM $1), array_agg(x.a ORDER BY x.a, x.id) FROM t1 AS x WHERE NOT ($2 >= x."id")
WITH v(p) AS (VALUES (2), (1)) SELECT x.id, x.a FROM t0 AS x WHERE x.a IN (SELECT p FROM v) AND X.A ISNULL
SELECT * FROM t2 AS x WHERE ROW(x.a, x.b) < ('0.1', 3)
SELECT x.id, x.a FROM t0 AS x WHERE x.b = SOME (SELECT y.b FROM t2 AS y WHERE y.d = '[1, 2]'::jsonb)
WITH t0 AS (SELECT id, b AS a, a AS b FROM w.t0) SELECT * FROM t0 AS u WHERE (u.b) NOT IN (4, $1) AND U.ID <= $1
SELECT * FROM p WHERE a = '1'
SELECT * FROM t1 AS x WHERE mood 'a b' >= x.d
SELECT p.id, p.a, p.b FROM p LEFT JOIN q ON q.a = p.a WHERE q.a IS NULL
SELECT * FROM (SELECT x.a, count(*) OVER (PARTITION BY x.b) AS n FROM t0 AS x) s WHERE NOT (s."n" IS NOT DISTINCT FROM $1)
WITH t2 AS (SELECT id, b AS a, a AS b FROM w.t2) SELECT * FROM t2 AS u WHERE NOT (u.a IS NULL)
SELECT * FROM v0 AS x WHERE coalesce(X.C, $1) = $2 AND $3 <= x.c AND x."id" = $4 AND x.b = $5
SELECT * FROM v0 AS x WHERE x.id = $1 AND $1 > x.id AND x.c = $2
SELECT s.id, s.a FROM s WHERE s.id IN (SELECT q.id FROM q WHERE q.a = $1::integer)
SELECT p.id, p.a, p.b FROM p WHERE NOT EXISTS (SELECT 1 FROM q WHERE q.b = p.a AND p.c = 'a')
SELECT x.id, x.a FROM t2 AS x WHERE x.id = ANY (SELECT y.b FROM t0 AS y WHERE (y.d >= '2025-06-30' AND y.id = y.b))
SELECT DISTINCT x.a, x.b FROM v1 AS x WHERE (x.b) = ANY ($1) ORDER BY x.a, x.b
SELECT * FROM t1 AS x WHERE (x.a, x.b) IN ((NULL, '02'), (bigint '1', 1))
SELECT * FROM q WHERE a IN ('1', integer '0')
SELECT x.id, x.a FROM v0 AS x WHERE x.a IN (SELECT y.a FROM t0 AS y WHERE ((y.c) IN ($1::varchar, $2) OR coalesce((y.id), $3) = $4)) AND x.c = CAST($$c$$ AS text)
SELECT s.id, s.a, q.id FROM s LEFT JOIN q ON q.id = s.id AND q.b = $1
SELECT * FROM (SELECT p.a AS a, max(p.id) AS n, min(p.b) AS b FROM p GROUP BY p.a) AS s WHERE s.b = $1
SELECT * FROM p WHERE c COLLATE "C" ILIKE 'a%'
SELECT x.id, x.a, x.b, x.c FROM v1 AS x WHERE x."id" = $1 AND X.ID IS NOT DISTINCT FROM -1 ORDER BY 1, 2, 3, 4 LIMIT $2
SELECT * FROM q WHERE c IN (CAST($$b$$ AS text), $1::text)
SELECT * FROM t0 AS x WHERE x.a IN ($1, '02')
SELECT id, at FROM e WHERE at > $1
SELECT id, at FROM e WHERE at <= $1
SELECT * FROM q WHERE a IN ($1, $2::integer)
SELECT p.id, p.a, p.b FROM p WHERE EXISTS (SELECT 1 FROM q WHERE q.b = p.a AND p.c = 'a')
SELECT * FROM p WHERE a <> ALL ($1::integer[])
SELECT * FROM t0 AS x WHERE ROW(x.a, x.b) = (4, '2.5') AND x.d NOT IN ($1, $2::date)
SELECT * FROM (SELECT p.a AS a, max(p.id) AS n, min(p.b) AS b FROM p GROUP BY p.a) AS s WHERE s.b = 1
SELECT DISTINCT ON (x.a) x.a, x.b, x.id FROM t2 AS x WHERE NULL > (x.id) AND X.ID = NULL ORDER BY x.a, x.b, x.id
SELECT x.id, x.a, x.b, x.c FROM t0 AS x WHERE x.a IS NOT DISTINCT FROM $1::real ORDER BY 1, 2, 3, 4 LIMIT $2 OFFSET 1
SELECT p.id, p.a FROM p WHERE p.a NOT IN (SELECT q.b FROM q WHERE q.a = 1)
SELECT * FROM p WHERE a >= '2'
SELECT x.id, x.a, x.b, x.c FROM t1 AS x WHERE ((x.a) = NULL AND x.a < x.b) ORDER BY 1, 2, 3, 4 LIMIT 1
SELECT id, a, c FROM q WHERE c < 'b'
SELECT * FROM t0 AS x WHERE (x.a, x.b) >= ($1::bigint, $2)
SELECT p.id, q.id, p.b FROM p FULL JOIN q ON p.a = q.a AND p.b = q.b WHERE q.c = $1
SELECT p.id, q.id, p.b FROM p FULL JOIN q ON p.a = q.a AND p.b = q.b
SELECT x.id, s.* FROM t0 AS x LEFT JOIN LATERAL (SELECT y.id, y.a FROM t1 AS y WHERE y.b = x.b AND (y.a = ANY (ARRAY['0.1']::float8[]) AND y.b <> y.a)) AS s ON true WHERE (coalesce(s.id, '1'::bigint) = 3 OR coalesce(x.d, date '2025-06-30 00:00:00Z') = date '2025-01-01')
SELECT * FROM (SELECT x.a, count(*) OVER (PARTITION BY x.b) AS n FROM t0 AS x) s WHERE coalesce(s.n, $1) = 0
SELECT * FROM (SELECT x.a, count(*) OVER (PARTITION BY x.b) AS n FROM t0 AS x) s WHERE s.n = ANY ($1::integer[]) AND s.n <> ALL ($2::integer[])
SELECT DISTINCT x.a, x.b FROM t1 AS x WHERE x.b = $1 AND X.A = 4 ORDER BY x.a, x.b
WITH t0 AS (SELECT id, b AS a, a AS b FROM w.t0) SELECT * FROM t0 AS u WHERE u.id <> ALL (ARRAY[]::integer[]) AND EXISTS (SELECT 1 FROM t1 AS v WHERE NOT (v.a = 1))
WITH s(p, q) AS NOT MATERIALIZED (SELECT x.a, x.b FROM t1 AS x WHERE 1 = x.b) SELECT * FROM s JOIN v1 AS y ON y.a = s.p AND y.c IS NOT DISTINCT FROM $1 AND y.c != $2 WHERE $3 < (s.p)
SELECT x.id, x.b FROM t1 AS x WHERE NOT EXISTS (SELECT 1 FROM t1 AS y WHERE coalesce(x.a, 3) = 2 AND x.b = ANY (ARRAY[]::bigint[]))
(SELECT x.a, x.b FROM t2 AS x WHERE (x.a IN ($1::bigint, $2) AND x.b < x.b)) EXCEPT SELECT y.a, y.b FROM t2 AS y WHERE NOT (Y.B IS NOT DISTINCT FROM CAST($$NaN$$ AS real))
SELECT * FROM (SELECT x.id, x.a AS b, x.b AS a, lower(x.c::text) AS c FROM v0 AS x WHERE x.a ISNULL ORDER BY x.id, x.a, x.b, x.c LIMIT 3) AS s WHERE NOT ($1 > s.a)
SELECT * FROM p WHERE a <> ALL ($1)
SELECT x.a, count(*), min(x.b) FROM t1 AS x WHERE NOT (X.C = 'é') GROUP BY x.a HAVING x.a = $1
SELECT x.*, y.a FROM t1 AS z, t0 AS x LEFT OUTER JOIN t1 AS y ON x.a = y.a WHERE y.a = 2 AND (z.id) >= 1
SELECT * FROM (SELECT p.id, p.a, p.b FROM p ORDER BY p.a, p.id LIMIT $1::bigint) AS s WHERE s.b = $2
SELECT p.id, p.a FROM p WHERE p.a IN (SELECT q.b FROM q WHERE q.a = 2)
SELECT x.id, x.a, x.b, x.c FROM t0 AS x WHERE x.c NOT BETWEEN SYMMETRIC $1 AND $2 AND (x.c) NOTNULL ORDER BY 1, 2, 3, 4 LIMIT $3 OFFSET 1
SELECT p.a, count(*), max(p.id) FROM p GROUP BY ROLLUP (p.a) HAVING p.a = $1
SELECT * FROM t1 AS x RIGHT JOIN t2 AS y USING (a, b) WHERE a = 3 AND y.b = 1
SELECT id, at FROM e WHERE at = $1
SELECT x.id, (SELECT max(y.a) FROM v0 AS y WHERE (x.a = $1 AND y.a < x.b)), ARRAY(SELECT y.id FROM v0 AS y WHERE y.c = $2 AND y.id = $3 ORDER BY 1) FROM t1 AS x WHERE (x.b = $3 AND x.id = x.id)
SELECT count(*), sum(x.a), max(x.b), count(x.id) FILTER (WHERE (x.d) = $1), array_agg(x.a ORDER BY x.a, x.id) FROM t1 AS x WHERE x.id IN ($2, $3) AND X.C BETWEEN SYMMETRIC $4 AND NULL
SELECT x.id, x.a FROM t1 AS x WHERE x.a = SOME (SELECT y.id FROM t1 AS y WHERE NOT (y.b IN ('1.0', $1))) AND (x.a) ISNULL
SELECT p.a, count(*), max(p.id) FROM p GROUP BY GROUPING SETS ((p.a), ()) HAVING p.a = 1
SELECT x.id, x.a, x.b, x.c FROM t2 AS x WHERE NOT ((x.id) = $1::integer) ORDER BY 1, 2, 3, 4 LIMIT $2::bigint
SELECT count(*), sum(x.a), max(x.b), count(x.id) FILTER (WHERE x.b NOT IN (numeric '0.50', $1)), array_agg(x.a ORDER BY x.a, x.id) FROM v0 AS x WHERE x.id = $2
SELECT x.id, x.a, x.b, x.c FROM t0 AS x WHERE NOT ((x.b) = $1) ORDER BY 1, 2, 3, 4 LIMIT $2
SELECT x.id, x.b FROM t0 AS x WHERE NOT EXISTS (SELECT 1 FROM t0 AS y WHERE x.c LIKE $1) AND x.c IS NOT DISTINCT FROM $2
SELECT x.*, y.* FROM t0 AS x, t0 AS y WHERE x.a = y.a AND (x.b)::text = $1 AND X.A IS DISTINCT FROM $2::real AND (y.d) IS FALSE
SELECT x.id, x.b FROM v1 AS x WHERE EXISTS (SELECT 1 FROM t1 AS y WHERE y.a = x.a AND (x.c = $1 AND X.ID IS NOT DISTINCT FROM $2::integer AND y.a = y.id)) AND x.a::text = $3
SELECT x.id, x.a, x.b, x.c FROM t2 AS x WHERE x.c = ANY ($1) AND x.d BETWEEN SYMMETRIC $2::bytea AND $3 ORDER BY 1, 2, 3, 4 LIMIT 2 OFFSET 1
SELECT x.id, y.b FROM t0 AS x INNER JOIN t1 AS y ON (((x.b) <> ALL (ARRAY[2, 0]::int2[]) OR x.a::text <> 'ab'::text) OR NULL > x.d) WHERE (Y.B IS NOT NULL AND y.b < x.id)
SELECT p.id, p.a, p.b FROM p WHERE NOT EXISTS (SELECT 1 FROM q WHERE q.a = p.a AND p.b = 2)
SELECT id, a, c FROM p WHERE c BETWEEN text 'b' AND 'Ab'
SELECT * FROM t0 AS x WHERE x.b = $1
SELECT * FROM t1 AS x WHERE x.id <> $1
SELECT * FROM (SELECT x.id, x.a AS b, x.b AS a, lower(x.c::text) AS c FROM t0 AS x WHERE (x.d = 'false' OR x.id <> ALL ($1))) AS s WHERE (s.id = ANY ($2) AND s.id = s.id)
SELECT p.id, p.a FROM p WHERE p.a NOT IN (SELECT q.b FROM q WHERE q.a = $1)
SELECT * FROM p WHERE a = ANY (ARRAY[2, 0]::integer[])
SELECT * FROM q WHERE c = $1
SELECT * FROM t1 AS x WHERE x.id = $1
SELECT p.id, q.id, r.id FROM p JOIN q ON p.id = q.id RIGHT JOIN q AS r ON p.a = q.a WHERE p.a = $1 AND q.b IS NOT NULL
SELECT * FROM p WHERE a = ANY (ARRAY[NULL, 0, NULL]::integer[])
SELECT * FROM (SELECT x.a, count(*) OVER (PARTITION BY x.b) AS n FROM t0 AS x) s WHERE s.a = 1 AND s.n = 1
SELECT p.id, q.b FROM p NATURAL INNER JOIN q WHERE id = 1
SELECT * FROM p WHERE c = text 'é'
SELECT p.id, p.a FROM p WHERE p.a NOT IN (SELECT q.b FROM q WHERE q.a = $1::integer)
SELECT * FROM p WHERE a = ANY (ARRAY[NULL, 1, 1]::integer[])
SELECT x.id, x.b FROM t0 AS x WHERE NOT EXISTS (SELECT 1 FROM t2 AS y WHERE y.a = x.a AND NOT (y."c" = ANY ($1) AND y.id = ANY ($2))) AND X.B = $3
WITH s(p, q) AS NOT MATERIALIZED (SELECT x.a, x.b FROM t0 AS x WHERE x.c IS NULL) SELECT * FROM s AS s JOIN v0 AS y ON y.a = s.p AND (y.b) <> $1 WHERE (y.c NOT BETWEEN $2 AND $3 OR coalesce(s."p", $4) = $5)
SELECT * FROM q WHERE a = $1
