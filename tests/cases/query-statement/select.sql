### read select
SELECT 1
### read select
select * from logs
### read select
SELECT * FROM "logs"
### read select
SELECT a.*, b.name AS "the name" FROM db.a AS a JOIN db.b b ON a.id = b.id
### read select
SELECT DISTINCT elb_name, request_ip FROM elb_logs WHERE elb_response_code = '404' LIMIT 10;
### read select # WITH as Athena's documentation has it
WITH temp (column1, column2) AS (SELECT a, b FROM t), other AS (SELECT column1 FROM temp) SELECT column1 FROM other
### read select
WITH RECURSIVE t(n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM t WHERE n < 100) SELECT sum(n) FROM t
### read select
VALUES (1, 'a'), (2, 'b')
### read select
VALUES (1), (2)
### read select
TABLE logs
### read select
TABLE db.logs
### read select
(SELECT 1) UNION ALL (SELECT 2) ORDER BY 1
### read select
((SELECT 1))
### read select
SELECT a FROM t UNION SELECT a FROM u INTERSECT SELECT a FROM v EXCEPT DISTINCT SELECT a FROM w
### read select
SELECT * FROM (VALUES (1, 'a'), (2, 'b')) AS t (id, name)
### read select
SELECT student, score FROM tests CROSS JOIN UNNEST(scores) AS t (score)
### read select
SELECT numbers, animals, n, a FROM (VALUES (ARRAY[2, 5], ARRAY['dog', 'cat', 'bird'])) AS x (numbers, animals) CROSS JOIN UNNEST(numbers, animals) AS t (n, a)
### read select
SELECT n, ordinal FROM UNNEST(ARRAY[10, 20]) WITH ORDINALITY AS t (n, ordinal)
### read select
SELECT * FROM a, UNNEST(map_keys(m)) t(k)
### read select
SELECT * FROM a LEFT JOIN UNNEST(b) AS t(x) ON TRUE
### read select
SELECT transform(ARRAY[5, 6], x -> x + 1), filter(a, x -> x IS NOT NULL), reduce(a, 0, (s, x) -> s + x, s -> s)
### read select
SELECT zip_with(a, b, (x, y) -> (y, x)), map_filter(m, (k, v) -> v > 10), any_match(a, e -> e LIKE 'x%') FROM t
### read select
SELECT transform(ARRAY[ARRAY[1]], x -> transform(x, y -> y * 2))
### read select
SELECT transform(a, x -> CASE WHEN x > 1 THEN 'a' ELSE 'b' END) FROM t
### read select
SELECT orderkey, rank() OVER (PARTITION BY clerk ORDER BY totalprice DESC) AS rnk FROM orders ORDER BY clerk, rnk
### read select
SELECT sum(x) OVER (ORDER BY ts RANGE BETWEEN INTERVAL '7' DAY PRECEDING AND CURRENT ROW) FROM t
### read select
SELECT avg(x) OVER (PARTITION BY a ORDER BY b ROWS BETWEEN 2 PRECEDING AND 2 FOLLOWING), max(x) OVER (ORDER BY b GROUPS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) FROM t
### read select
SELECT lag(x, 1) IGNORE NULLS OVER (ORDER BY y), last_value(x) OVER w FROM t WINDOW w AS (PARTITION BY z ORDER BY y)
### read select
SELECT origin_state, sum(package_weight) FROM shipping GROUP BY GROUPING SETS ((origin_state), (origin_state, origin_zip), ())
### read select
SELECT a, b, grouping(a, b), count(*) FROM t GROUP BY CUBE (a, b)
### read select
SELECT a, b, sum(c) FROM t GROUP BY ROLLUP (a, b) HAVING sum(c) > 10
### read select
SELECT count(*) FILTER (WHERE a > 1), count(DISTINCT b), approx_distinct(c), array_agg(d ORDER BY e DESC) FROM t
### read select
SELECT listagg(name, ', ') WITHIN GROUP (ORDER BY name) FROM t
### read select
SELECT * FROM t TABLESAMPLE BERNOULLI (50)
### read select
SELECT * FROM t AS x TABLESAMPLE SYSTEM (75) WHERE a = 1
### read select
SELECT * FROM iceberg_table FOR TIMESTAMP AS OF (current_timestamp - interval '1' day)
### read select
SELECT * FROM db.iceberg_table FOR TIMESTAMP AS OF TIMESTAMP '2026-01-01 10:00:00 UTC' AS t WHERE a = 1
### read select
SELECT * FROM iceberg_table FOR VERSION AS OF 949530903748831860
### read select
SELECT * FROM iceberg_table FOR SYSTEM_TIME AS OF (current_timestamp - interval '1' day)
### read select
SELECT * FROM "db"."table$snapshots"
### read select
SELECT "$path", "$file_modified_time" FROM logs WHERE "$path" LIKE '%.gz'
### read select
SELECT * FROM "db"."t$partitions" ORDER BY year
### read select
SELECT CAST(x AS varchar), CAST(y AS decimal(10, 2)), TRY_CAST(z AS bigint), CAST(a AS array(varchar)), CAST(m AS map(varchar, double)), CAST(d AS timestamp(3) with time zone)
### read select
SELECT CAST(json_parse(x) AS ROW(a bigint, b ROW(c varchar, d array(integer)))) FROM t
### read select
SELECT CAST(ROW(1, 2.0) AS ROW(x bigint, y double)).x
### read select
SELECT CAST(json_extract(j, '$.a') AS array(row(name varchar, "the value" double))) FROM t
### read select
SELECT CAST(x AS array<varchar>), CAST(y AS map<varchar, array<int>>) FROM t
### read select
SELECT json_extract_scalar(body, '$.user.id'), json_array_length(j) FROM t
### read select
SELECT date_trunc('hour', ts), date_add('day', -1, current_date), extract(year FROM ts), ts AT TIME ZONE 'Europe/Rome', now() - INTERVAL '2' HOUR FROM t
### read select
SELECT DATE '2026-01-01', TIMESTAMP '2026-01-01 00:00:00.000', TIME '10:00', INTERVAL '3-1' YEAR TO MONTH, DECIMAL '1.23', X'65683F', 1.5e3, .5, 1e-3, -1, +2
### read select
SELECT date'2026-01-01', x'00FF', TIMESTAMP'2026-01-01 00:00:00'
### read select
SELECT * FROM t WHERE year = '2026' AND month IN ('10', '11') AND day BETWEEN '01' AND '07' OR NOT (a IS NULL AND b IS NOT NULL)
### read select
SELECT * FROM t WHERE a LIKE 'x!_%' ESCAPE '!' AND b NOT LIKE '%y' AND c NOT IN (1, 2) AND d NOT BETWEEN 1 AND 2
### read select # a backslash that ends a string for Trino; the other reading is not a query at all
SELECT * FROM t WHERE a LIKE 'x\_y' ESCAPE '\'
### read select
SELECT regexp_extract(path, '^/(\d+)/\w+\.html$', 1), regexp_like(a, '[''"]') FROM t
### read select
SELECT 'it''s', '', '''', 'a -- b', 'a /* b', 'a; b', "a""b", "a'b", '"' FROM t
### read select
SELECT * FROM a WHERE x IN (SELECT y FROM b WHERE b.z = a.z) AND EXISTS (SELECT 1 FROM c) AND v > ALL (SELECT w FROM d) AND u = ANY (SELECT 1)
### read select
SELECT (SELECT max(x) FROM t), CASE a WHEN 1 THEN 'one' WHEN 2 THEN 'two' END, CASE WHEN b THEN c ELSE d END, if(a, b, c), coalesce(a, b), nullif(a, b)
### read select
SELECT a[1], m['k'], element_at(a, -1), r.f.g, a[1][2], m['k'].f FROM t
### read select
SELECT ROW(1, 'a'), (1, 2), ARRAY[1, 2] || ARRAY[3], MAP(ARRAY['a'], ARRAY[1]), a % 2, a / b * c - d + e
### read select
SELECT * FROM a NATURAL JOIN b
### read select
SELECT * FROM a JOIN b USING (id) FULL OUTER JOIN c USING (id) CROSS JOIN d LEFT JOIN (e JOIN f ON e.x = f.x) ON a.id = e.id
### read select
SELECT * FROM a CROSS JOIN LATERAL (SELECT * FROM b WHERE b.id = a.id)
### read select
SELECT * FROM t ORDER BY a DESC NULLS LAST, b ASC NULLS FIRST OFFSET 10 ROWS FETCH FIRST 5 ROWS ONLY
### read select
SELECT * FROM t ORDER BY 1 OFFSET 5 LIMIT 10
### read select
SELECT * FROM t LIMIT ALL
### read select
SELECT * FROM awsdatacatalog.db.t
### read select
SELECT * FROM "AwsDataCatalog"."db"."t"
### read select
SELECT * FROM "s3tablescatalog/my-bucket"."ns"."t"
### read select
SELECT * FROM information_schema.columns WHERE table_schema = 'db'
### read select
SELECT current_user, current_date, current_timestamp, localtime, current_timestamp(3)
### read select
SELECT position('a' IN b), substring(a FROM 1 FOR 2), substr(a, 1), trim(BOTH 'x' FROM a), trim(a), floor(x), ceil(y), ceiling(y), round(z, 2), normalize(a)
### read select
SELECT * FROM orders MATCH_RECOGNIZE (PARTITION BY custkey ORDER BY orderdate MEASURES A.totalprice AS start_price, LAST(B.totalprice) AS bottom ONE ROW PER MATCH AFTER MATCH SKIP PAST LAST ROW PATTERN (A B+ C+ D?) DEFINE B AS totalprice < PREV(totalprice), C AS totalprice > PREV(totalprice))
### read select
SELECT * FROM t MATCH_RECOGNIZE (ORDER BY x MEASURES FINAL LAST(a.x) AS y, RUNNING count(*) AS n ALL ROWS PER MATCH PATTERN (^ a (b | c)* d{2,3} $) DEFINE b AS b.x > 1, c AS c.x < 1, d AS true) AS m
### read select
SELECT json_query(j, 'lax $.a'), json_value(j, 'strict $.b') FROM t
### read select
SELECT json_value(j FORMAT JSON, 'lax $.b' PASSING x AS y, z AS w RETURNING bigint) FROM t
### read select
SELECT json_value(j, 'lax $.b' RETURNING bigint DEFAULT 0 ON EMPTY NULL ON ERROR), json_exists(j, 'lax $.c' FALSE ON ERROR), json_query(j, 'lax $.d' WITH ARRAY WRAPPER NULL ON EMPTY) FROM t
### read select
SELECT json_object('a': 1, 'b' VALUE 2 NULL ON NULL), json_array(1, 2 ABSENT ON NULL) FROM t
### read select
SELECT id, name FROM people, JSON_TABLE(j, 'lax $.people[*]' COLUMNS (id bigint PATH 'lax $.id', name varchar(20) PATH 'lax $.name')) AS jt
### read select
SELECT * FROM TABLE(sequence(start => 1, stop => 1000, step => 10))
### read select
SELECT * FROM TABLE(exclude_columns(input => TABLE(orders), columns => DESCRIPTOR(clerk, comment)))
### read select
SELECT date, time, timestamp, year, day, status, user_id, type, value, comment, path, data, format, location, update, merge, "insert" FROM t
### read select
SELECT t.date, t.order_id, t.interval FROM t
### read select
SELECT a AS date, b AS "from", c AS year, d count, e AS path, f AS location, g AS value FROM t
### read select
SELECT a IS DISTINCT FROM b, a IS NOT DISTINCT FROM c, a <> b, a != b FROM t
### read select
SELECT try(a / b), format('%s', x), greatest(1, 2), typeof(x), concat(a, b), year(ts), count_if(x > 1) FROM t GROUP BY 1, 2
### read select
SELECT a FROM t GROUP BY a, b HAVING count(*) > 1 ORDER BY count(*) DESC LIMIT 5
### read select
SELECT max_by(a, b), min_by(a, b, 3), approx_percentile(x, ARRAY[0.5, 0.9]), histogram(x), merge(cast(h AS hyperloglog)) FROM t
### read select
SELECT at_timezone(ts, 'UTC'), from_iso8601_timestamp(s), to_unixtime(now()), date_diff('day', a, b), date_format(ts, '%Y-%m-%d') FROM t
### read select
SELECT "a b"."c d"."e f" FROM "a b"."c d"
### read select
SELECT all_columns.* FROM (SELECT * FROM t) all_columns
### read select
SELECT db.my_function(x) FROM t
### read select
SELECT -a, - - a, NOT NOT b, +1 FROM t
### read select
SELECT * FROM ((a JOIN b ON a.x = b.x))
### read select
SELECT * FROM (t)
### read select
SELECT * FROM (SELECT * FROM (SELECT * FROM (SELECT * FROM (SELECT 1))))
### read select
SELECT geometry_to_text(ST_Point(1, 2)), ST_Contains(a, b), bing_tile(1, 2, 3) FROM t
### read select
SELECT ((((((((((1))))))))))
### read select
-- the first line
SELECT a, -- the column
       b /* and
       another */
FROM t -- end
### read select
/* GRAFANA */ SELECT 1 /* DELETE FROM t */ -- ; DROP TABLE t
### read select
SELECT 'DELETE FROM t', "DROP TABLE t" FROM t WHERE a = 'INSERT INTO'
### read select
SELECT array_join(array_sort(array_distinct(a)), ',') , cardinality(a), contains(a, 1), flatten(a), slice(a, 1, 2) FROM t
### read select
SELECT * FROM t WHERE ts >= date_add('day', -7, now()) AND (a, b) IN ((1, 2), (3, 4))
### read select
SELECT count(*) AS n FROM t WHERE contains_sequence(a, ARRAY[1]) AND a.b.c = 1 AND cast(c.d AS date) > DATE '2026-01-01'
### read select
SELECT u.name, x.* FROM users u CROSS JOIN UNNEST(u.addresses) AS x (street, city)
### read select
SELECT map(ARRAY['a'], ARRAY[1])['a'], row(1, 2)[1], (a).b FROM t
### read select
SELECT * FROM t WHERE a = 1 UNION ALL SELECT * FROM u WHERE b IN (SELECT c FROM v) LIMIT 3
### read select
WITH a AS (WITH b AS (SELECT 1 AS x) SELECT x FROM b) SELECT * FROM a
### read select
SELECT approx_percentile(x, 0.5), sum(if(a = 'b', 1, 0)), sum(CASE WHEN a = 'b' THEN 1 ELSE 0 END) / CAST(count(*) AS double) FROM t
### read select
SELECT interval '1' day * 2, timestamp '2026-01-01' + interval '1' month, current_date - interval '7' day
### read select
SELECT * FROM t WHERE a = TRUE AND b = false AND c IS NULL
### read select
SELECT json_format(CAST(map(ARRAY['a'], ARRAY[CAST(1 AS json)]) AS json))
### read select # a trailing semicolon and a comment
SELECT 1; -- done
### read select
SELECT url_extract_host(u), url_decode(v), to_hex(md5(to_utf8(x))), from_base64(y) FROM t
### read select
SELECT rank() OVER (ORDER BY sum(x) DESC), ntile(4) OVER (ORDER BY y), percent_rank() OVER w, cume_dist() OVER w FROM t GROUP BY y WINDOW w AS (ORDER BY y)
### read select
SELECT nth_value(x, 2) OVER (PARTITION BY a ORDER BY b ROWS UNBOUNDED PRECEDING) FROM t
