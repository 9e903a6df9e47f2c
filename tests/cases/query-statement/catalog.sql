### read show
SHOW DATABASES
### read show
SHOW SCHEMAS LIKE '.*analytics'
### read show
SHOW DATABASES 'a|b'
### read show
SHOW TABLES
### read show
SHOW TABLES IN sampledb
### read show
SHOW TABLES IN sampledb '*flights*'
### read show
SHOW TABLES FROM "sampledb" LIKE 'a%'
### read show
SHOW TABLES 'logs*'
### read show
SHOW VIEWS
### read show
SHOW VIEWS IN marketing_analytics LIKE 'orders*'
### read show
SHOW COLUMNS IN orders
### read show
SHOW COLUMNS FROM customers.orders
### read show
SHOW COLUMNS IN orders IN customers
### read show
SHOW COLUMNS FROM orders FROM customers
### read show
SHOW CREATE TABLE orders
### read show
SHOW CREATE TABLE db.orders;
### read show
SHOW CREATE VIEW orders_view
### read show
SHOW PARTITIONS flight_delays_csv
### read show
SHOW PARTITIONS db.t
### read show
SHOW PARTITIONS `db`.`t`
### read show
SHOW TBLPROPERTIES orders
### read show
SHOW TBLPROPERTIES db.orders ('type')
### read show
SHOW TBLPROPERTIES orders("EXTERNAL")
### read show
SHOW FUNCTIONS
### read show
SHOW FUNCTIONS LIKE 'array%'
### read show
SHOW CATALOGS
### read show
SHOW STATS FOR orders
### read show
SHOW STATS FOR (SELECT * FROM orders WHERE a = 1)
### read show
SHOW CREATE SCHEMA db
### read show
SHOW TABLES IN awsdatacatalog.db
### write show # the Lambda behind the catalog gets the request
SHOW TABLES IN "lambda:my_connector".db
### write show
SHOW DATABASES IN `lambda:my_connector`
### write show
SHOW SCHEMAS FROM my_federated_catalog
### write show
SHOW COLUMNS FROM my_catalog.db.t
### write show
SHOW STATS FOR (SELECT * FROM "lambda:f".db.t)
### write show
SHOW CREATE VIEW my_catalog.db.v
### read describe
DESCRIBE orders
### read describe
DESC orders
### read describe
DESCRIBE FORMATTED db.orders
### read describe
DESCRIBE EXTENDED orders
### read describe
DESCRIBE orders PARTITION (year = '2026', month = '01')
### read describe
DESCRIBE FORMATTED orders PARTITION (year = '2026') price
### read describe
DESCRIBE orders address.street
### read describe
DESCRIBE orders items.'$elem$'.name
### read describe
DESCRIBE `db`.`orders`
### read describe
DESCRIBE VIEW orders_view
### read describe
DESCRIBE formatted
### read describe
DESCRIBE "order history"
### write describe
DESCRIBE my_catalog.db.t
### write describe
DESCRIBE `lambda:f`.db.t
### read explain
EXPLAIN SELECT * FROM t
### read explain
EXPLAIN (FORMAT TEXT) SELECT * FROM t
### read explain
EXPLAIN (TYPE VALIDATE) SELECT 1
### read explain
EXPLAIN (FORMAT JSON, TYPE DISTRIBUTED) WITH a AS (SELECT 1) SELECT * FROM a
### read explain
EXPLAIN (TYPE IO, FORMAT JSON) SELECT * FROM t
### read explain
EXPLAIN (SELECT 1)
### read explain
EXPLAIN VALUES (1)
### read explain
EXPLAIN SHOW TABLES
### write explain
EXPLAIN INSERT INTO t SELECT * FROM u
### write explain
EXPLAIN (FORMAT TEXT) CREATE TABLE t AS SELECT 1 AS a
### write explain
EXPLAIN DELETE FROM t WHERE a = 1
### write explain
EXPLAIN SELECT * FROM "lambda:f".a.b
### write explain
EXPLAIN UNLOAD (SELECT 1) TO 's3://b/p/' WITH (format = 'PARQUET')
### admin explain
EXPLAIN DROP TABLE t
### admin explain
EXPLAIN ALTER TABLE t ADD COLUMNS (a int)
### write explain_analyze # it runs the statement
EXPLAIN ANALYZE SELECT * FROM t
### write explain_analyze
EXPLAIN ANALYZE VERBOSE SELECT * FROM t
### write explain_analyze
EXPLAIN ANALYZE (FORMAT JSON) SELECT * FROM t
### write explain_analyze
explain/**/analyze(select 1)
### write explain_analyze
EXPLAIN ANALYZE INSERT INTO t SELECT 1
### invalid
EXPLAIN EXPLAIN SELECT 1
### invalid
EXPLAIN (FORMAT XML) SELECT 1
### invalid
EXPLAIN
### never
EXPLAIN CALL system.kill()
### never
EXPLAIN ANALYZE EXECUTE p
### invalid
SHOW
### invalid
SHOW TABLES IN db; DROP TABLE t
### invalid
SHOW TABLES DROP TABLE t
### invalid
SHOW CREATE
### invalid
SHOW SESSION
### invalid
SHOW GRANTS
### invalid
SHOW STATS FOR (DELETE FROM t)
### invalid
DESCRIBE
### invalid
DESCRIBE t; DELETE FROM t
### invalid
DESCRIBE t DELETE FROM u
### invalid
DESCRIBE INPUT my_select1 x y
