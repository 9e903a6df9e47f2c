//! The kinds of statements, by the names that the audit line and the metrics use.

/// What a client's scopes allow; each includes those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Access {
    /// Queries that change nothing and call nobody else.
    Read,
    /// Rows, new tables from queries, files; Lambda functions and federated catalogs.
    Write,
    /// Definitions and upkeep.
    Admin,
}

impl Access {
    /// The last part of the scope's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Admin => "admin",
        }
    }
}

/// What kind of statement a query is. The set is closed: it is a dimension of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "each variant is the statement of its name")]
pub enum Kind {
    Select,
    Show,
    Describe,
    Explain,
    ExplainAnalyze,
    Insert,
    CreateTableAs,
    Unload,
    Merge,
    Update,
    Delete,
    CreateTable,
    CreateView,
    CreateDatabase,
    AlterTable,
    AlterDatabase,
    DropTable,
    DropView,
    DropDatabase,
    RepairTable,
    Optimize,
    Vacuum,
    Analyze,
}

impl Kind {
    /// Its name in the audit line and in metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Select => "select",
            Self::Show => "show",
            Self::Describe => "describe",
            Self::Explain => "explain",
            Self::ExplainAnalyze => "explain_analyze",
            Self::Insert => "insert",
            Self::CreateTableAs => "create_table_as",
            Self::Unload => "unload",
            Self::Merge => "merge",
            Self::Update => "update",
            Self::Delete => "delete",
            Self::CreateTable => "create_table",
            Self::CreateView => "create_view",
            Self::CreateDatabase => "create_database",
            Self::AlterTable => "alter_table",
            Self::AlterDatabase => "alter_database",
            Self::DropTable => "drop_table",
            Self::DropView => "drop_view",
            Self::DropDatabase => "drop_database",
            Self::RepairTable => "repair_table",
            Self::Optimize => "optimize",
            Self::Vacuum => "vacuum",
            Self::Analyze => "analyze",
        }
    }

    /// What the statement itself needs; what stands in it can only raise that.
    pub const fn access(self) -> Access {
        match self {
            Self::Select | Self::Show | Self::Describe | Self::Explain => Access::Read,
            Self::ExplainAnalyze
            | Self::Insert
            | Self::CreateTableAs
            | Self::Unload
            | Self::Merge
            | Self::Update
            | Self::Delete => Access::Write,
            Self::CreateTable
            | Self::CreateView
            | Self::CreateDatabase
            | Self::AlterTable
            | Self::AlterDatabase
            | Self::DropTable
            | Self::DropView
            | Self::DropDatabase
            | Self::RepairTable
            | Self::Optimize
            | Self::Vacuum
            | Self::Analyze => Access::Admin,
        }
    }
}
