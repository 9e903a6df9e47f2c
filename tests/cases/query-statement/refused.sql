### invalid

### invalid
;
### invalid
-- only a comment
### invalid
SELECT 1; DROP TABLE t
### invalid
SELECT 1;;
### invalid
; SELECT 1
### invalid
SELECT
### invalid
SELECT FROM WHERE
### invalid
SELEC 1
### invalid
HELLO
### invalid
1
### invalid
'SELECT 1'
### invalid
"SELECT" 1
### invalid
`SELECT` 1
### invalid
SELECT 1 DROP TABLE t
### invalid
SELECT 1 SELECT 2
### invalid
SELECT (1
### invalid
SELECT 1)
### invalid
SELECT [1)
### invalid
SELECT 'a
### invalid
SELECT "a
### invalid
SELECT `a
### invalid
SELECT /* a
### invalid # block comments in block comments: nested for some, over at the first end for others
SELECT 1 /* a /* b */ DROP TABLE t */
### invalid
SELECT 1 /*+ MAPJOIN(a) */
### invalid
SELECT 1 /*! DROP TABLE t */
### invalid
SELECT 1 /*/ 2 */
### invalid # comments of MySQL, templates, variables
SELECT 1 # DELETE
### invalid
SELECT {{ a }}
### invalid
SELECT ${hivevar:a}
### invalid
SELECT $1
### invalid
SELECT $$a$$
### invalid
SELECT $tag$ ; DROP TABLE t $tag$
### invalid
SELECT @a
### invalid
SELECT ?
### invalid
SELECT * FROM t WHERE a = ? AND b = ?
### invalid
SELECT a::int
### invalid
SELECT N'a'
### invalid
SELECT E'a\'b'
### invalid
SELECT U&'\0041'
### invalid
SELECT U&"a" FROM t
### invalid
SELECT B'01'
### invalid
SELECT r'a'
### invalid
SELECT b"a"
### invalid
SELECT _utf8'a'
### invalid
SELECT q'[a'b]'
### invalid
SELECT X'a''b'
### invalid
SELECT X'xyz'
### invalid
SELECT a"b"
### invalid # a backslash before a quotation mark: where does the string end?
SELECT 'it\'s' , 'x'
### invalid
SELECT '\' , ' FROM t; DROP TABLE u; -- '
### invalid
SELECT "a\" , " FROM t -- "
### read select # for Hive this ends inside a string
SELECT '\\\' OR '1' = '1', '\' FROM t
### invalid
SELECT 1a
### invalid
SELECT 0x1F
### invalid
SELECT 1_000
### invalid
SELECT 10L
### invalid
SELECT 1FROM t
### invalid
SELECT a.1 FROM t
### invalid
SELECT 1..2
### invalid
SELECT 1.2.3
### invalid
SELECT a & b
### invalid
SELECT ~a
### invalid
SELECT a \ b
### invalid
SELECT !a
### invalid
SELECT * FROM t LATERAL VIEW explode(a) x AS y
### invalid
SELECT * FROM t FOR UPDATE
### invalid
SELECT * FROM t$partitions
### invalid
WITH FUNCTION f(x int) RETURNS int RETURN x SELECT f(1)
### invalid
WITH SESSION a = 1 SELECT 1
### invalid
WITH a AS (SELECT 1)
### invalid
WITH a AS (DROP TABLE t) SELECT 1
### invalid
WITH a AS (CREATE TABLE t AS SELECT 1) SELECT 1
### invalid
SELECT * FROM (DROP TABLE t)
### invalid
SELECT * FROM (SHOW TABLES IN db)
### invalid
SELECT * FROM (EXPLAIN ANALYZE SELECT 1)
### invalid
(EXPLAIN SELECT 1)
### invalid
FROM t SELECT *
### invalid
FROM t
### invalid
BULK INSERT t FROM 'x'
### invalid
ATTACH DATABASE 'x' AS y
### invalid
PRAGMA a
### invalid
DO 1
### invalid
DECLARE a int
### invalid
REPLACE INTO t VALUES (1)
### invalid
UPSERT INTO t VALUES (1)
### invalid
VALUES
### invalid
TABLE
### invalid
SELECT * FROM TABLE()
### invalid
SELECT * FROM t WHERE
### invalid # sqlparser wants parentheses around the rows
VALUES 1, 2, 3
### invalid # reserved words are no names
SELECT INTO u FROM t
### invalid
SELECT a, INTO b FROM t
### invalid
SELECT a AS delete FROM t
### invalid
DESCRIBE DELETE t
### invalid
DESCRIBE INSERT
### invalid
DESCRIBE COMMIT
### invalid
DESCRIBE rollback
### invalid
SHOW TABLES IN update
### read select
SELECT a AS "delete", "into" FROM "insert"
### read describe
DESCRIBE "delete"
