//! What operators and functions are called in queries.

use crate::ast::{BinaryOp, Compare, Conversion, LineOp, RangeOp, VectorOp};

impl LineOp {
    /// As it is written.
    pub fn symbol(self) -> &'static str {
        match self {
            Self::Contains => "|=",
            Self::NotContains => "!=",
            Self::Matches => "|~",
            Self::NotMatches => "!~",
            Self::PatternMatches => "|>",
            Self::PatternNotMatches => "!>",
        }
    }

    /// Whether lines are kept that do not fit.
    pub fn is_negative(self) -> bool {
        matches!(self, Self::NotContains | Self::NotMatches | Self::PatternNotMatches)
    }
}

impl Compare {
    /// As it is written.
    pub fn symbol(self) -> &'static str {
        match self {
            Self::Eq => "==",
            Self::Ne => "!=",
            Self::Gt => ">",
            Self::Ge => ">=",
            Self::Lt => "<",
            Self::Le => "<=",
        }
    }
}

impl Conversion {
    /// The function's name; empty without one.
    pub fn name(self) -> &'static str {
        match self {
            Self::Float => "",
            Self::Bytes => "bytes",
            Self::Duration { seconds: false } => "duration",
            Self::Duration { seconds: true } => "duration_seconds",
        }
    }
}

impl RangeOp {
    /// Every one.
    pub const ALL: [Self; 15] = [
        Self::Rate,
        Self::RateCounter,
        Self::CountOverTime,
        Self::BytesRate,
        Self::BytesOverTime,
        Self::AvgOverTime,
        Self::SumOverTime,
        Self::MinOverTime,
        Self::MaxOverTime,
        Self::StdvarOverTime,
        Self::StddevOverTime,
        Self::QuantileOverTime,
        Self::FirstOverTime,
        Self::LastOverTime,
        Self::AbsentOverTime,
    ];

    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rate => "rate",
            Self::RateCounter => "rate_counter",
            Self::CountOverTime => "count_over_time",
            Self::BytesRate => "bytes_rate",
            Self::BytesOverTime => "bytes_over_time",
            Self::AvgOverTime => "avg_over_time",
            Self::SumOverTime => "sum_over_time",
            Self::MinOverTime => "min_over_time",
            Self::MaxOverTime => "max_over_time",
            Self::StdvarOverTime => "stdvar_over_time",
            Self::StddevOverTime => "stddev_over_time",
            Self::QuantileOverTime => "quantile_over_time",
            Self::FirstOverTime => "first_over_time",
            Self::LastOverTime => "last_over_time",
            Self::AbsentOverTime => "absent_over_time",
        }
    }

    /// Whether it may be grouped.
    pub fn takes_grouping(self) -> bool {
        matches!(
            self,
            Self::AvgOverTime
                | Self::StddevOverTime
                | Self::StdvarOverTime
                | Self::QuantileOverTime
                | Self::MaxOverTime
                | Self::MinOverTime
                | Self::FirstOverTime
                | Self::LastOverTime
        )
    }

    /// Whether it computes with numbers taken of lines.
    pub fn takes_unwrap(self) -> bool {
        !matches!(self, Self::CountOverTime | Self::BytesOverTime | Self::BytesRate)
    }

    /// Whether it computes without such numbers.
    pub fn takes_lines(self) -> bool {
        matches!(
            self,
            Self::CountOverTime
                | Self::BytesOverTime
                | Self::BytesRate
                | Self::Rate
                | Self::AbsentOverTime
        )
    }
}

impl VectorOp {
    /// Every one.
    pub const ALL: [Self; 12] = [
        Self::Sum,
        Self::Avg,
        Self::Min,
        Self::Max,
        Self::Count,
        Self::Stddev,
        Self::Stdvar,
        Self::TopK,
        Self::BottomK,
        Self::Sort,
        Self::SortDesc,
        Self::ApproxTopK,
    ];

    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sum => "sum",
            Self::Avg => "avg",
            Self::Min => "min",
            Self::Max => "max",
            Self::Count => "count",
            Self::Stddev => "stddev",
            Self::Stdvar => "stdvar",
            Self::TopK => "topk",
            Self::BottomK => "bottomk",
            Self::Sort => "sort",
            Self::SortDesc => "sort_desc",
            Self::ApproxTopK => "approx_topk",
        }
    }

    /// Whether it has a first argument that says how many series are kept.
    pub fn takes_parameter(self) -> bool {
        matches!(self, Self::TopK | Self::BottomK | Self::ApproxTopK)
    }
}

impl BinaryOp {
    /// As it is written.
    pub fn symbol(self) -> &'static str {
        match self {
            Self::Or => "or",
            Self::And => "and",
            Self::Unless => "unless",
            Self::Add => "+",
            Self::Sub => "-",
            Self::Mul => "*",
            Self::Div => "/",
            Self::Mod => "%",
            Self::Pow => "^",
            Self::Eq => "==",
            Self::Ne => "!=",
            Self::Gt => ">",
            Self::Ge => ">=",
            Self::Lt => "<",
            Self::Le => "<=",
        }
    }

    /// Whether it is `or`, `and` or `unless`.
    pub fn is_set_operator(self) -> bool {
        matches!(self, Self::Or | Self::And | Self::Unless)
    }

    /// Whether it compares.
    pub fn is_comparison(self) -> bool {
        matches!(self, Self::Eq | Self::Ne | Self::Gt | Self::Ge | Self::Lt | Self::Le)
    }
}
