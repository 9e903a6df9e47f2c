### admin create_table
CREATE EXTERNAL TABLE IF NOT EXISTS cloudfront_logs (`Date` DATE, Time STRING, Bytes BIGINT, ip STRING COMMENT 'who') ROW FORMAT DELIMITED FIELDS TERMINATED BY '\t' LINES TERMINATED BY '\n' LOCATION 's3://b/p/' TBLPROPERTIES ('skip.header.line.count' = '2')
### admin create_table
CREATE EXTERNAL TABLE db.logs (id string, tags array<string>, attrs map<string,int>, item struct<a:int, b:array<struct<c:string,d:decimal(10,2)>>>) PARTITIONED BY (year string, month string COMMENT 'm') STORED AS PARQUET LOCATION 's3://b/p/' TBLPROPERTIES ("parquet.compress"="SNAPPY")
### admin create_table
CREATE EXTERNAL TABLE t (a string) ROW FORMAT SERDE 'org.openx.data.jsonserde.JsonSerDe' WITH SERDEPROPERTIES ('ignore.malformed.json' = 'true', "serialization.format" = '1') LOCATION 's3://b/p/'
### admin create_table # a string that Hive reads with its escapes
CREATE EXTERNAL TABLE alb_logs (type string) ROW FORMAT SERDE 'org.apache.hadoop.hive.serde2.RegexSerDe' WITH SERDEPROPERTIES ('serialization.format' = '1', 'input.regex' = '([^ ]*) \"([^ ]*) (.*) (- |[^ ]*)\" \"([^\"]*)\"') LOCATION 's3://b/alb/'
### admin create_table
CREATE EXTERNAL TABLE t (a string) ROW FORMAT SERDE 'x' STORED AS INPUTFORMAT 'org.apache.hadoop.mapred.TextInputFormat' OUTPUTFORMAT 'org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat' LOCATION 's3://b/'
### admin create_table
CREATE EXTERNAL TABLE t (a string, b int) CLUSTERED BY (a) INTO 8 BUCKETS STORED AS ORC LOCATION 's3://b/' TBLPROPERTIES ('projection.enabled' = 'true', 'projection.year.range' = '2020,NOW')
### admin create_table
CREATE TABLE iceberg_table (id bigint, data string, ts timestamp NOT NULL) PARTITIONED BY (category, bucket(16, id), day(ts)) LOCATION 's3://b/i/' TBLPROPERTIES ('table_type' = 'ICEBERG', 'format' = 'parquet')
### admin create_table
CREATE EXTERNAL TABLE t LIKE db.u LOCATION 's3://b/'
### admin create_table
CREATE EXTERNAL TABLE t (a string) COMMENT 'it''s' ROW FORMAT DELIMITED FIELDS TERMINATED BY ',' ESCAPED BY '\\' COLLECTION ITEMS TERMINATED BY '|' MAP KEYS TERMINATED BY ':' LINES TERMINATED BY '\n' NULL DEFINED AS '' LOCATION 's3://b/'
### admin create_table # with Hive's clauses it is a definition, whatever stands behind AS
CREATE EXTERNAL TABLE t STORED AS PARQUET LOCATION 's3://b/' AS SELECT 1
### admin create_table
CREATE TABLE t (a int) AS SELECT 1
### admin create_table
CREATE TABLE t STORED AS ORC AS SELECT 1 AS a
### admin create_view
CREATE VIEW v AS SELECT * FROM t
### admin create_view
CREATE OR REPLACE VIEW db.v (a, b) COMMENT 'c' AS WITH x AS (SELECT 1) SELECT 1, 2 FROM x
### admin create_view
CREATE VIEW v AS SELECT * FROM "lambda:f".db.t
### admin create_database
CREATE DATABASE IF NOT EXISTS clickstreams COMMENT 'Site Foo clickstream data' LOCATION 's3://b/clicks/' WITH DBPROPERTIES ('creator' = 'Jane D.', 'Dept.' = 'Marketing')
### admin create_database
CREATE SCHEMA s
### admin alter_table
ALTER TABLE orders ADD PARTITION (dt = '2016-05-14', country = 'IN')
### admin alter_table
ALTER TABLE orders ADD IF NOT EXISTS PARTITION (dt = '2016-05-14') LOCATION 's3://b/1/' PARTITION (dt = '2016-05-15') LOCATION 's3://b/2/'
### admin alter_table
ALTER TABLE db.orders ADD COLUMNS (new_col string, other struct<a:int> COMMENT 'x')
### admin alter_table
ALTER TABLE orders PARTITION (dt = '2014-05-14', country = 'IN') ADD COLUMNS (a int)
### admin alter_table
ALTER TABLE orders DROP PARTITION (dt = '2014-05-14'), PARTITION (dt = '2014-05-15')
### admin alter_table
ALTER TABLE orders DROP IF EXISTS PARTITION (dt < '2014-05-14', country <> 'IN')
### admin alter_table
ALTER TABLE orders PARTITION (dt = '2014-05-14') RENAME TO PARTITION (dt = '2014-05-15')
### admin alter_table
ALTER TABLE orders REPLACE COLUMNS (a int, b string COMMENT 'b')
### admin alter_table
ALTER TABLE orders CHANGE COLUMN a b bigint COMMENT 'x' AFTER c
### admin alter_table
ALTER TABLE orders CHANGE a a bigint FIRST
### admin alter_table
ALTER TABLE orders DROP COLUMN a
### admin alter_table
ALTER TABLE orders SET LOCATION 's3://b/p/'
### admin alter_table
ALTER TABLE orders PARTITION (zip = '98040') SET LOCATION 's3://b/p/'
### admin alter_table
ALTER TABLE orders SET TBLPROPERTIES ('notes' = 'Please don''t drop this table.')
### admin alter_table
ALTER TABLE orders UNSET TBLPROPERTIES ('notes')
### admin alter_table
ALTER TABLE orders SET SERDE 'x' WITH SERDEPROPERTIES ('a' = 'b')
### admin alter_table
ALTER TABLE orders RENAME TO new_orders
### admin alter_database
ALTER DATABASE jd_datasets SET DBPROPERTIES ('creator' = 'John Doe')
### admin alter_database
ALTER SCHEMA s SET LOCATION 's3://b/'
### admin drop_table
DROP TABLE fulfilled_orders
### admin drop_table
DROP TABLE IF EXISTS `db`.`fulfilled-orders`
### admin drop_view
DROP VIEW IF EXISTS orders_view
### admin drop_database
DROP DATABASE clickstreams
### admin drop_database
DROP SCHEMA IF EXISTS clickstreams CASCADE
### admin repair_table
MSCK REPAIR TABLE orders
### admin repair_table
MSCK REPAIR TABLE db.orders SYNC PARTITIONS
### admin optimize
OPTIMIZE iceberg_table REWRITE DATA USING BIN_PACK
### admin optimize
OPTIMIZE db.iceberg_table REWRITE DATA USING BIN_PACK WHERE category = 'c1' AND ts > DATE '2026-01-01'
### admin vacuum
VACUUM iceberg_table
### admin analyze
ANALYZE t
### admin analyze
ANALYZE db.t WITH (partitions = ARRAY['a', 'b'])
### admin analyze
ANALYZE TABLE t PARTITION (a = '1', b) COMPUTE STATISTICS FOR COLUMNS a, b
### invalid
CREATE FUNCTION f() RETURNS int RETURN 1
### invalid
CREATE ROLE r
### invalid
CREATE INDEX i ON t (a)
### invalid
CREATE TEMPORARY TABLE t (a int)
### invalid
CREATE VIEW v AS DELETE FROM t
### invalid
CREATE VIEW v AS SELECT 1; DROP TABLE t
### invalid
CREATE EXTERNAL TABLE t (a string) LOCATION 's3://b/' DROP TABLE u
### invalid
CREATE EXTERNAL TABLE t (a string LOCATION 's3://b/'
### invalid
ALTER TABLE t EXECUTE optimize
### invalid
ALTER TABLE t
### invalid
ALTER VIEW v AS SELECT 1
### invalid
DROP FUNCTION f
### invalid
DROP TABLE t, u
### invalid
DROP
### invalid
MSCK REPAIR t
### invalid
OPTIMIZE t REWRITE DATA USING BIN_PACK WHERE a = 1; DROP TABLE t
### invalid
VACUUM
### invalid
ANALYZE TABLE t
### never
PREPARE my_select1 FROM SELECT * FROM nation
### never
EXECUTE my_select1 USING 1
### never
EXECUTE IMMEDIATE 'DROP TABLE t'
### never
DEALLOCATE PREPARE my_select1
### never
CALL system.flush()
### never
SET SESSION optimize_hash_generation = true
### never
SET hive.exec.dynamic.partition = true
### never
RESET SESSION a
### never
USE db
### never
GRANT SELECT ON t TO u
### never
REVOKE ALL ON t FROM u
### never
START TRANSACTION
### never
COMMIT
### never
ROLLBACK
### never
LOAD DATA INPATH 's3://b/' INTO TABLE t
### never
IMPORT TABLE t FROM 's3://b/'
### never
TRUNCATE TABLE t
### never
COMMENT ON TABLE t IS 'x'
