### write insert
INSERT INTO t SELECT * FROM u
### write insert
INSERT INTO db.t (a, b) SELECT a, b FROM u WHERE c > 1
### write insert
INSERT INTO t VALUES (1, 'x', DATE '2026-01-01'), (2, 'y', NULL)
### write insert
INSERT INTO "db"."t" ("a", b) VALUES (1, 2)
### write insert
INSERT INTO t (SELECT * FROM u)
### write insert
INSERT INTO t WITH a AS (SELECT 1 AS x) SELECT x FROM a
### write insert
insert into t table u
### write insert
INSERT INTO t (a) (SELECT 1)
### write insert # a body that writes, behind a CTE
WITH a AS (SELECT 1) INSERT INTO t SELECT * FROM a
### write delete
WITH a AS (SELECT 1) DELETE FROM t
### write insert
WITH a AS (INSERT INTO t SELECT 1) SELECT * FROM a
### write update
SELECT * FROM (UPDATE t SET a = 1) x
### invalid
SELECT (DELETE FROM t)
### write select
SELECT json_value(j, 'lax $' PASSING (SELECT 1 FROM c.d.e) AS x DEFAULT (SELECT 2 FROM t) ON EMPTY) FROM t
### write insert
INSERT INTO t SELECT * FROM "lambda:f".db.u
### write create_table_as
CREATE TABLE new_table AS SELECT * FROM old_table
### write create_table_as
CREATE TABLE IF NOT EXISTS db.new_table WITH (format = 'PARQUET', write_compression = 'SNAPPY', external_location = 's3://b/p/') AS SELECT a, b FROM old_table
### write create_table_as
CREATE TABLE t WITH (format = 'ORC', partitioned_by = ARRAY['year', 'month'], bucketed_by = ARRAY['id'], bucket_count = 10) AS SELECT id, year, month FROM u
### write create_table_as
CREATE TABLE t WITH (table_type = 'ICEBERG', location = 's3://b/i/', is_external = false, partitioning = ARRAY['bucket(x, 5)', 'month(ts)']) AS SELECT x, ts FROM u
### write create_table_as
CREATE TABLE t AS SELECT * FROM u WITH NO DATA
### write create_table_as
CREATE TABLE t AS (SELECT 1 AS a) WITH DATA
### write create_table_as
CREATE TABLE t AS WITH a AS (SELECT 1 AS x) SELECT * FROM a
### write create_table_as
CREATE TABLE t WITH (field_delimiter = ',') AS TABLE u
### write unload
UNLOAD (SELECT * FROM old_table) TO 's3://amzn-s3-demo-bucket/unload_test_1/' WITH (format = 'JSON')
### write unload
UNLOAD (SELECT name1, address1, key1 FROM table1) TO 's3://b/partitioned/' WITH (format = 'TEXTFILE', partitioned_by = ARRAY['key1'], compression = 'gzip', field_delimiter = ',')
### write unload
unload (with a as (select 1) select * from a) to 's3://b/p' with (format='PARQUET', compression_level = 3)
### write unload
UNLOAD (SELECT * FROM t WHERE a = ')') TO 's3://b/p/' WITH (format = 'AVRO');
### write update
UPDATE iceberg_table SET category = 'c' WHERE category = 'd'
### write update
UPDATE db.t SET a = a + 1, b = (SELECT max(x) FROM u)
### write delete
DELETE FROM iceberg_table WHERE category = 'c3'
### write delete
DELETE FROM db.t
### write merge
MERGE INTO accounts t USING monthly_accounts_update s ON t.customer = s.customer WHEN MATCHED THEN DELETE
### write merge
MERGE INTO accounts t USING (SELECT * FROM u) s ON (t.customer = s.customer) WHEN MATCHED AND s.address = 'Centreville' THEN DELETE WHEN MATCHED THEN UPDATE SET purchases = s.purchases + t.purchases, address = s.address WHEN NOT MATCHED THEN INSERT (customer, purchases, address) VALUES (s.customer, s.purchases, s.address)
### write merge
MERGE INTO t USING u ON t.id = u.id WHEN NOT MATCHED THEN INSERT VALUES (u.id, u.a)
### write select # external functions
USING EXTERNAL FUNCTION decompress(col1 VARCHAR) RETURNS VARCHAR LAMBDA 'athena-udf' SELECT decompress('x')
### write select
USING EXTERNAL FUNCTION f(a VARCHAR, b ARRAY(INT)) RETURNS ROW(x INT, y VARCHAR) LAMBDA 'arn:aws:lambda:eu-west-1:123456789012:function:f', EXTERNAL FUNCTION g() RETURNS INT LAMBDA 'g' SELECT f(a, b), g() FROM t
### write select
USING EXTERNAL FUNCTION predict(a DOUBLE) RETURNS DOUBLE SAGEMAKER 'endpoint' SELECT predict(x) FROM t
### write select
USING FUNCTION f(a VARCHAR) RETURNS VARCHAR TYPE LAMBDA_INVOKE WITH (lambda_name = 'f') SELECT f(x) FROM t
### write insert
USING EXTERNAL FUNCTION f(a VARCHAR) RETURNS VARCHAR LAMBDA 'f' INSERT INTO t SELECT f(x) FROM u
### write insert
INSERT INTO t USING EXTERNAL FUNCTION f(a VARCHAR) RETURNS VARCHAR LAMBDA 'f' SELECT f(x) FROM u
### write select # federated catalogs
SELECT * FROM "lambda:my_function".db.t
### write select
SELECT * FROM "LAMBDA:my_function"."db"."t" WHERE a = 1
### write select
SELECT a FROM t WHERE b IN (SELECT c FROM "lambda:f".d.e)
### write select
WITH x AS (SELECT * FROM (SELECT * FROM "lambda:f"."d"."e")) SELECT 1
### write select
SELECT * FROM my_catalog.db.t
### write select
SELECT * FROM "my_catalog"."db"."t"
### write select
SELECT 1 UNION ALL SELECT x FROM dynamo.default.orders
### write select
SELECT "lambda:f".db.fn(x) FROM t
### write select
SELECT * FROM (VALUES (1)) t(a) JOIN mysql.db.u ON a = u.a
### write select
SELECT * FROM "lambda:f".db.t FOR TIMESTAMP AS OF current_timestamp
### write select
SELECT (SELECT max(x) FROM c.d.e)
### write select
SELECT CASE WHEN EXISTS (SELECT 1 FROM c.d.e) THEN 1 END
### write select
SELECT transform(ARRAY[1], x -> (SELECT y FROM c.d.e))
### write select
SELECT sum(a) OVER (ORDER BY (SELECT 1 FROM c.d.e)) FROM t
### write select
SELECT a FROM t ORDER BY (SELECT 1 FROM c.d.e)
### write select
SELECT a FROM t GROUP BY GROUPING SETS (((SELECT 1 FROM c.d.e)))
### write select
SELECT a FROM t LIMIT (SELECT 1 FROM c.d.e)
### write select
SELECT count(*) FILTER (WHERE (SELECT true FROM c.d.e)) FROM t
### write select
SELECT * FROM t JOIN u ON (SELECT true FROM c.d.e)
### write select
SELECT * FROM t MATCH_RECOGNIZE (ORDER BY x MEASURES (SELECT 1 FROM c.d.e) AS y PATTERN (a) DEFINE a AS true)
### write select
SELECT * FROM UNNEST((SELECT x FROM c.d.e))
### write select
VALUES (1, (SELECT 1 FROM c.d.e))
### write select # table functions that carry a query
SELECT * FROM TABLE(system.query(query => 'DELETE FROM t'))
### write select
SELECT * FROM TABLE(my_catalog.system.query(query => 'SELECT 1'))
### write select
SELECT * FROM TABLE("lambda:f".system.query(query => 'SELECT 1')) AS x
### write select
SELECT * FROM t WHERE a IN (SELECT b FROM TABLE(pg.system.query(query => 'drop table t')))
### write select
SELECT * FROM TABLE(query(query => 'x'))
### write select
SELECT * FROM TABLE("sequence"(1, 2))
### write select
SELECT * FROM TABLE/* */(system.raw_query(query => 'x'))
### write select
SELECT * FROM system.query(query => 'x')
### write select # in every place of a tree
SELECT * FROM t FOR TIMESTAMP AS OF (SELECT x FROM c.d.e)
### write select
SELECT * FROM t TABLESAMPLE BERNOULLI ((SELECT x FROM c.d.e))
### write select
SELECT * FROM t OFFSET (SELECT x FROM c.d.e)
### write select
SELECT sum(a) OVER (ORDER BY b ROWS BETWEEN (SELECT x FROM c.d.e) PRECEDING AND CURRENT ROW) FROM t
### write select
SELECT sum(a) OVER w FROM t WINDOW w AS (PARTITION BY (SELECT x FROM c.d.e))
### write select
SELECT * FROM JSON_TABLE((SELECT x FROM c.d.e), 'lax $' COLUMNS (a int PATH 'lax $.a'))
### write select
SELECT extract(year FROM (SELECT x FROM c.d.e)), trim((SELECT 'a'))
### write select
SELECT substring((SELECT x FROM c.d.e) FROM 1 FOR 2)
### write select
SELECT position('a' IN (SELECT x FROM c.d.e))
### write select
SELECT a[(SELECT x FROM c.d.e)] FROM t
### write select
SELECT ARRAY[1, (SELECT x FROM c.d.e)]
### write select
SELECT array_agg(a ORDER BY (SELECT x FROM c.d.e)) FROM t
### write select
SELECT listagg(a, ',') WITHIN GROUP (ORDER BY (SELECT x FROM c.d.e)) FROM t
### write select
SELECT CAST((SELECT x FROM c.d.e) AS row(a int)) FROM t
### write select
SELECT ts AT TIME ZONE (SELECT x FROM c.d.e) FROM t
### write select
SELECT f(a => (SELECT x FROM c.d.e)), json_object('a': (SELECT 1)) FROM t
### write select
SELECT a FROM t WHERE b LIKE (SELECT x FROM c.d.e) ESCAPE '!'
### write select
SELECT a FROM t WHERE b BETWEEN 1 AND (SELECT x FROM c.d.e)
### write select
SELECT (SELECT x FROM c.d.e).f, -(SELECT 1), NOT (SELECT true)
### write select
SELECT a FROM t HAVING (SELECT x FROM c.d.e)
### write select
SELECT * FROM (a JOIN (b CROSS JOIN c.d.e) ON true)
### write select
SELECT 1 INTERSECT (SELECT x FROM c.d.e)
### write select
SELECT * FROM t CROSS JOIN LATERAL (SELECT x FROM c.d.e)
### write select
(SELECT 1) ORDER BY (SELECT x FROM c.d.e)
### write select
SELECT CASE (SELECT x FROM c.d.e) WHEN 1 THEN 2 END
### write select
SELECT CASE a WHEN 1 THEN 2 ELSE (SELECT x FROM c.d.e) END FROM t
### write select
SELECT a IN (1, (SELECT x FROM c.d.e)) FROM t
### write select
SELECT a FROM t WHERE (1, 2) IN (SELECT x, y FROM c.d.e)
### write select
SELECT a = ANY (SELECT x FROM c.d.e) FROM t
### write select
SELECT ceil((SELECT x FROM c.d.e)), overlay('a' PLACING 'b' FROM 1)
### write select
SELECT a IS DISTINCT FROM (SELECT x FROM c.d.e) FROM t
### write select
SELECT INTERVAL '1' DAY * (SELECT x FROM c.d.e)
### write select
SELECT t.* FROM t, UNNEST(ARRAY[(SELECT x FROM c.d.e)]) WITH ORDINALITY AS u (a, b)
### write select
SELECT * FROM t JOIN TABLE(a.b.query(query => 'x')) ON true
### write explain
EXPLAIN SELECT * FROM TABLE(system.query(query => 'x'))
### invalid
INSERT OVERWRITE TABLE t SELECT * FROM u
### invalid
INSERT INTO t
### invalid
INSERT INTO t SELECT 1; SELECT 2
### invalid
FROM t INSERT INTO u SELECT *
### invalid
INSERT INTO t INSERT INTO u SELECT 1
### invalid
CREATE TABLE t AS INSERT INTO u SELECT 1
### invalid
CREATE TABLE t AS WITH a AS (SELECT 1) DELETE FROM u
### invalid
UNLOAD (DELETE FROM t) TO 's3://b/'
### invalid
UNLOAD SELECT 1 TO 's3://b/'
### invalid
UNLOAD (SELECT 1) TO 's3://b/' WITH (format = 'JSON') SELECT 2
### invalid
CREATE TABLE t
### invalid
DELETE t
### invalid
UPDATE t
### invalid
MERGE INTO t USING u
### invalid
USING EXTERNAL FUNCTION f(a VARCHAR) RETURNS VARCHAR LAMBDA 'f'
### invalid
USING EXTERNAL FUNCTION f(a VARCHAR) RETURNS VARCHAR LAMBDA 'f' DROP TABLE t
### never
SELECT * INTO u FROM t
### never
SELECT a FROM (SELECT 1 AS a INTO u) t
### write select # a table of another catalog as the argument of a function
SELECT * FROM TABLE(exclude_columns(input => TABLE(fed.db.t), columns => DESCRIPTOR(x)))
### write select
SELECT * FROM TABLE(sequence(TABLE(fed.a.b)))
### write select
SELECT f(TABLE(fed.a.b))
### write select
SELECT f(TABLE ( "fed" . a /* b */ . b ) )
