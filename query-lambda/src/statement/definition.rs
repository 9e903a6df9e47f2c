//! Definitions and upkeep: `CREATE`, `ALTER`, `DROP`, `MSCK`, `OPTIMIZE`, `VACUUM`, `ANALYZE`.

use sqlparser::tokenizer::Token;

use super::clauses::{column, column_names, comment, data_type, partition, partition_column, properties};
use super::error::StatementError;
use super::grammar::of;
use super::tokens::Tokens;
use super::{Checked, Kind, query, write};

/// `CREATE …`
pub(super) fn create(tokens: &mut Tokens) -> Result<Checked, StatementError> {
    tokens.expect("CREATE")?;
    if tokens.take("EXTERNAL TABLE") {
        return create_table(tokens, true);
    }
    if tokens.take("TABLE") {
        return create_table(tokens, false);
    }
    if tokens.take("DATABASE") || tokens.take("SCHEMA") {
        return create_database(tokens);
    }
    tokens.take("OR REPLACE");
    tokens.expect("VIEW")?;
    tokens.name()?;
    if tokens.peek() == Some(&Token::LParen) {
        column_names(tokens)?;
    }
    comment(tokens)?;
    tokens.expect("AS")?;
    match query::query(tokens.rest().to_vec())?.kind {
        Kind::Select => Ok(of(Kind::CreateView)),
        _ => tokens.refuse(),
    }
}

fn create_database(tokens: &mut Tokens) -> Result<Checked, StatementError> {
    tokens.take("IF NOT EXISTS");
    tokens.name()?;
    comment(tokens)?;
    if tokens.take("LOCATION") {
        tokens.string()?;
    }
    if tokens.take("WITH DBPROPERTIES") {
        properties(tokens)?;
    }
    tokens.end()?;
    Ok(of(Kind::CreateDatabase))
}

/// A table by its columns (Hive, Iceberg), like another one, or from a query. Only the last, and only in Trino's form,
/// is left to clients that write: with any clause of Hive's it is a definition.
fn create_table(tokens: &mut Tokens, external: bool) -> Result<Checked, StatementError> {
    tokens.take("IF NOT EXISTS");
    tokens.name()?;
    let mut is_definition = external;
    if tokens.take("LIKE") {
        tokens.name()?;
        is_definition = true;
    }
    if tokens.peek() == Some(&Token::LParen) {
        tokens.list(column)?;
        is_definition = true;
    }
    while !tokens.rest().is_empty() {
        if tokens.take("AS") {
            write::table_from_query(tokens)?;
            return Ok(of(if is_definition { Kind::CreateTable } else { Kind::CreateTableAs }));
        }
        if tokens.take("WITH SERDEPROPERTIES") {
            properties(tokens)?;
            is_definition = true;
        } else if tokens.take("WITH") {
            properties(tokens)?;
        } else {
            table_clause(tokens)?;
            is_definition = true;
        }
    }
    if is_definition { Ok(of(Kind::CreateTable)) } else { tokens.refuse() }
}

fn table_clause(tokens: &mut Tokens) -> Result<(), StatementError> {
    if tokens.is_word("COMMENT") {
        comment(tokens)
    } else if tokens.take("PARTITIONED BY") {
        tokens.list(partition_column)
    } else if tokens.take("CLUSTERED BY") {
        column_names(tokens)?;
        if tokens.take("SORTED BY") {
            tokens.list(|tokens| {
                tokens.identifier()?;
                let _ = tokens.take("ASC") || tokens.take("DESC");
                Ok(())
            })?;
        }
        tokens.expect("INTO")?;
        tokens.number()?;
        tokens.expect("BUCKETS")
    } else if tokens.take("ROW FORMAT SERDE") {
        tokens.string()
    } else if tokens.take("ROW FORMAT DELIMITED") {
        delimiters(tokens)
    } else if tokens.take("STORED AS INPUTFORMAT") {
        tokens.string()?;
        tokens.expect("OUTPUTFORMAT")?;
        tokens.string()
    } else if tokens.take("STORED AS") {
        tokens.identifier().map(|_| ())
    } else if tokens.take("STORED BY") || tokens.take("LOCATION") {
        tokens.string()
    } else if tokens.take("TBLPROPERTIES") {
        properties(tokens)
    } else {
        tokens.refuse()
    }
}

fn delimiters(tokens: &mut Tokens) -> Result<(), StatementError> {
    const DELIMITERS: [&str; 6] = [
        "FIELDS TERMINATED BY",
        "ESCAPED BY",
        "COLLECTION ITEMS TERMINATED BY",
        "MAP KEYS TERMINATED BY",
        "LINES TERMINATED BY",
        "NULL DEFINED AS",
    ];
    while DELIMITERS.iter().any(|delimiter| tokens.take(delimiter)) {
        tokens.string()?;
    }
    Ok(())
}

/// `DROP …`
pub(super) fn drop(tokens: &mut Tokens) -> Result<Checked, StatementError> {
    tokens.expect("DROP")?;
    let kind = if tokens.take("TABLE") {
        Kind::DropTable
    } else if tokens.take("VIEW") {
        Kind::DropView
    } else if tokens.take("DATABASE") || tokens.take("SCHEMA") {
        Kind::DropDatabase
    } else {
        return tokens.refuse();
    };
    tokens.take("IF EXISTS");
    tokens.name()?;
    match kind {
        Kind::DropDatabase => {
            let _ = tokens.take("RESTRICT") || tokens.take("CASCADE");
        }
        Kind::DropTable => {
            tokens.take("PURGE");
        }
        _ => {}
    }
    tokens.end()?;
    Ok(of(kind))
}

/// `ALTER …`
pub(super) fn alter(tokens: &mut Tokens) -> Result<Checked, StatementError> {
    tokens.expect("ALTER")?;
    if tokens.take("DATABASE") || tokens.take("SCHEMA") {
        tokens.name()?;
        tokens.expect("SET")?;
        if tokens.take("LOCATION") {
            tokens.string()?;
        } else {
            tokens.expect("DBPROPERTIES")?;
            properties(tokens)?;
        }
        tokens.end()?;
        return Ok(of(Kind::AlterDatabase));
    }
    tokens.expect("TABLE")?;
    tokens.name()?;
    if tokens.take("PARTITION") {
        partition(tokens)?;
    }
    alter_table(tokens)?;
    tokens.end()?;
    Ok(of(Kind::AlterTable))
}

fn alter_table(tokens: &mut Tokens) -> Result<(), StatementError> {
    if tokens.take("ADD COLUMNS") || tokens.take("REPLACE COLUMNS") {
        tokens.list(column)?;
        let _ = tokens.take("CASCADE") || tokens.take("RESTRICT");
        Ok(())
    } else if tokens.take("ADD") {
        tokens.take("IF NOT EXISTS");
        partitions_with_locations(tokens)
    } else if tokens.take("CHANGE COLUMN") || tokens.take("CHANGE") {
        change_column(tokens)
    } else if tokens.take("DROP COLUMN") {
        tokens.identifier().map(|_| ())
    } else if tokens.take("DROP") {
        tokens.take("IF EXISTS");
        loop {
            tokens.expect("PARTITION")?;
            partition(tokens)?;
            if !tokens.take_token(&Token::Comma) {
                tokens.take("PURGE");
                return Ok(());
            }
        }
    } else if tokens.take("RENAME TO PARTITION") {
        partition(tokens)
    } else if tokens.take("RENAME TO") {
        tokens.name().map(|_| ())
    } else if tokens.take("SET") {
        set(tokens)
    } else {
        tokens.expect("UNSET TBLPROPERTIES")?;
        tokens.list(Tokens::string)
    }
}

fn partitions_with_locations(tokens: &mut Tokens) -> Result<(), StatementError> {
    loop {
        tokens.expect("PARTITION")?;
        partition(tokens)?;
        if tokens.take("LOCATION") {
            tokens.string()?;
        }
        if tokens.rest().is_empty() {
            return Ok(());
        }
    }
}

fn change_column(tokens: &mut Tokens) -> Result<(), StatementError> {
    tokens.identifier()?;
    tokens.identifier()?;
    data_type(tokens)?;
    comment(tokens)?;
    if tokens.take("AFTER") {
        tokens.identifier()?;
    } else {
        tokens.take("FIRST");
    }
    let _ = tokens.take("CASCADE") || tokens.take("RESTRICT");
    Ok(())
}

fn set(tokens: &mut Tokens) -> Result<(), StatementError> {
    if tokens.take("LOCATION") {
        tokens.string()
    } else if tokens.take("TBLPROPERTIES") || tokens.take("SERDEPROPERTIES") {
        properties(tokens)
    } else if tokens.take("FILEFORMAT") {
        tokens.identifier().map(|_| ())
    } else {
        tokens.expect("SERDE")?;
        tokens.string()?;
        if tokens.take("WITH SERDEPROPERTIES") { properties(tokens) } else { Ok(()) }
    }
}

/// `MSCK REPAIR TABLE`, `OPTIMIZE`, `VACUUM`, `ANALYZE`
pub(super) fn upkeep(tokens: &mut Tokens) -> Result<Checked, StatementError> {
    let kind = if tokens.take("MSCK") {
        tokens.take("REPAIR");
        tokens.expect("TABLE")?;
        tokens.name()?;
        if tokens.take("ADD") || tokens.take("DROP") || tokens.take("SYNC") {
            tokens.expect("PARTITIONS")?;
        }
        Kind::RepairTable
    } else if tokens.take("OPTIMIZE") {
        tokens.name()?;
        tokens.expect("REWRITE DATA USING BIN_PACK")?;
        if tokens.take("WHERE") {
            query::condition(tokens.rest().to_vec())?;
            return Ok(of(Kind::Optimize));
        }
        Kind::Optimize
    } else if tokens.take("VACUUM") {
        tokens.name()?;
        Kind::Vacuum
    } else {
        tokens.expect("ANALYZE")?;
        analyze(tokens)?;
        Kind::Analyze
    };
    tokens.end()?;
    Ok(of(kind))
}

/// Trino's `ANALYZE t [WITH (…)]` and Hive's `ANALYZE TABLE t [PARTITION (…)] COMPUTE STATISTICS [FOR COLUMNS …]`.
fn analyze(tokens: &mut Tokens) -> Result<(), StatementError> {
    if !tokens.take("TABLE") {
        tokens.name()?;
        return if tokens.take("WITH") { properties(tokens) } else { Ok(()) };
    }
    tokens.name()?;
    if tokens.take("PARTITION") {
        tokens.list(|tokens| {
            tokens.identifier()?;
            if tokens.take_token(&Token::Eq) { tokens.string() } else { Ok(()) }
        })?;
    }
    tokens.expect("COMPUTE STATISTICS")?;
    if tokens.take("FOR COLUMNS") {
        while !tokens.rest().is_empty() {
            tokens.identifier()?;
            if !tokens.take_token(&Token::Comma) {
                break;
            }
        }
    } else {
        tokens.take("NOSCAN");
    }
    Ok(())
}
