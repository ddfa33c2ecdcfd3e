//! What the simulated application consists of: services, models, users, and the things that its
//! users ask for. `{order}`, `{amount}`, `{email}` and `{product}` in texts are filled in for each
//! conversation.

/// A process of the application.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Service {
    Gateway,
    Planner,
    Researcher,
    Coder,
    ToolRunner,
    VectorStore,
}

impl Service {
    pub(super) const ALL: [Self; 6] = [
        Self::Gateway,
        Self::Planner,
        Self::Researcher,
        Self::Coder,
        Self::ToolRunner,
        Self::VectorStore,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Gateway => "support-gateway",
            Self::Planner => "planner",
            Self::Researcher => "researcher",
            Self::Coder => "coder",
            Self::ToolRunner => "tool-runner",
            Self::VectorStore => "vector-store",
        }
    }

    pub(super) fn version(self) -> &'static str {
        match self {
            Self::Gateway => "3.12.1",
            Self::Planner | Self::Researcher => "1.8.0",
            Self::Coder => "1.8.2",
            Self::ToolRunner => "0.27.4",
            Self::VectorStore => "2.3.0",
        }
    }

    /// `telemetry.sdk.language`.
    pub(super) fn language(self) -> &'static str {
        match self {
            Self::Gateway => "nodejs",
            Self::Planner | Self::Researcher | Self::Coder => "python",
            Self::ToolRunner => "go",
            Self::VectorStore => "rust",
        }
    }

    pub(super) fn scope(self) -> &'static str {
        match self {
            Self::Gateway => "@acme/support-gateway",
            Self::Planner | Self::Researcher | Self::Coder => "acme.agents",
            Self::ToolRunner => "acme.dev/tool-runner",
            Self::VectorStore => "vector_store",
        }
    }

    /// Memory that the process holds, about.
    pub(super) fn memory_bytes(self) -> f64 {
        match self {
            Self::Gateway => 210e6,
            Self::Planner => 340e6,
            Self::Researcher => 390e6,
            Self::Coder => 420e6,
            Self::ToolRunner => 96e6,
            Self::VectorStore => 1.9e9,
        }
    }
}

/// A language model.
#[derive(Debug)]
pub(super) struct Model {
    pub(super) name: &'static str,
    /// The dated name that the provider answers with.
    pub(super) response_name: &'static str,
    pub(super) provider: &'static str,
    pub(super) address: &'static str,
    pub(super) path: &'static str,
    pub(super) first_token_ms: f64,
    pub(super) tokens_per_second: f64,
}

pub(super) static CLAUDE: Model = Model {
    name: "claude-sonnet-4-5",
    response_name: "claude-sonnet-4-5-20250929",
    provider: "anthropic",
    address: "api.anthropic.com",
    path: "/v1/messages",
    first_token_ms: 780.0,
    tokens_per_second: 74.0,
};

pub(super) static GPT_MINI: Model = Model {
    name: "gpt-5-mini",
    response_name: "gpt-5-mini-2025-08-07",
    provider: "openai",
    address: "api.openai.com",
    path: "/v1/chat/completions",
    first_token_ms: 520.0,
    tokens_per_second: 110.0,
};

pub(super) static GPT: Model = Model {
    name: "gpt-5",
    response_name: "gpt-5-2025-08-07",
    provider: "openai",
    address: "api.openai.com",
    path: "/v1/chat/completions",
    first_token_ms: 1400.0,
    tokens_per_second: 62.0,
};

pub(super) static GEMINI: Model = Model {
    name: "gemini-2.5-flash",
    response_name: "gemini-2.5-flash",
    provider: "gcp.gemini",
    address: "generativelanguage.googleapis.com",
    path: "/v1beta/models/gemini-2.5-flash:generateContent",
    first_token_ms: 340.0,
    tokens_per_second: 170.0,
};

pub(super) static HAIKU: Model = Model {
    name: "claude-haiku-4-5",
    response_name: "claude-haiku-4-5-20251001",
    provider: "anthropic",
    address: "api.anthropic.com",
    path: "/v1/messages",
    first_token_ms: 360.0,
    tokens_per_second: 150.0,
};

pub(super) const EMBEDDING_MODEL: &str = "text-embedding-3-small";

#[derive(Debug)]
pub(super) struct User {
    pub(super) id: &'static str,
    pub(super) email: &'static str,
    pub(super) plan: &'static str,
    pub(super) language: &'static str,
}

const fn user(
    id: &'static str,
    email: &'static str,
    plan: &'static str,
    language: &'static str,
) -> User {
    User { id, email, plan, language }
}

pub(super) static USERS: [User; 14] = [
    user("u-1007", "ada@example.com", "business", "en-GB"),
    user("u-1012", "brian@example.com", "free", "en-US"),
    user("u-1019", "chiara@example.com", "pro", "it-IT"),
    user("u-1023", "dmitri@example.com", "pro", "en-US"),
    user("u-1031", "eun-ji@example.com", "business", "ko-KR"),
    user("u-1038", "farid@example.com", "free", "fr-FR"),
    user("u-1044", "grace@example.com", "enterprise", "en-US"),
    user("u-1050", "hanna@example.com", "free", "de-DE"),
    user("u-1057", "ines@example.com", "pro", "pt-BR"),
    user("u-1063", "jonas@example.com", "business", "de-DE"),
    user("u-1070", "kavya@example.com", "enterprise", "en-IN"),
    user("u-1078", "liam@example.com", "free", "en-IE"),
    user("u-1085", "mei@example.com", "pro", "zh-TW"),
    user("u-1091", "noor@example.com", "enterprise", "en-GB"),
];

pub(super) static PRODUCTS: [&str; 6] = [
    "Trailhead 40 backpack",
    "Harbor desk lamp",
    "Nimbus rain jacket",
    "Ember travel mug",
    "Atlas standing desk",
    "Pico field recorder",
];

/// Something that agents can call.
#[derive(Debug)]
pub(super) struct Tool {
    pub(super) name: &'static str,
    pub(super) description: &'static str,
    pub(super) arguments: &'static str,
    pub(super) result: &'static str,
    /// What the tool's own process does: the host it asks over HTTP, or a statement to Postgres.
    pub(super) work: Work,
    pub(super) median_ms: f64,
}

#[derive(Debug)]
pub(super) enum Work {
    Http { host: &'static str, path: &'static str },
    Sql { operation: &'static str, table: &'static str },
    Process,
}

pub(super) static LOOKUP_ORDER: Tool = Tool {
    name: "lookup_order",
    description: "Reads an order with its items, payments and shipments",
    arguments: r#"{"order_id":"{order}"}"#,
    result: r#"{"order_id":"{order}","status":"shipped","item":"{product}","total":{amount},"currency":"EUR","carrier":"DHL"}"#,
    work: Work::Sql { operation: "SELECT", table: "orders" },
    median_ms: 18.0,
};

pub(super) static REFUND: Tool = Tool {
    name: "refund_payment",
    description: "Returns the money for an order to the card it was paid with",
    arguments: r#"{"order_id":"{order}","amount":{amount},"reason":"damaged on arrival"}"#,
    result: r#"{"refund_id":"re_8841","status":"pending","amount":{amount}}"#,
    work: Work::Http { host: "payments.internal", path: "/v2/refunds" },
    median_ms: 410.0,
};

pub(super) static TRACK: Tool = Tool {
    name: "track_shipment",
    description: "Asks the carrier where a parcel is",
    arguments: r#"{"order_id":"{order}","carrier":"DHL"}"#,
    result: r#"{"state":"in_transit","last_scan":"Leipzig hub","estimated_delivery":"in 2 days"}"#,
    work: Work::Http { host: "api.carrier.example", path: "/track/v3/shipments" },
    median_ms: 620.0,
};

pub(super) static SEND_EMAIL: Tool = Tool {
    name: "send_email",
    description: "Sends an email to the customer",
    arguments: r#"{"to":"{email}","template":"invoice_copy","order_id":"{order}"}"#,
    result: r#"{"queued":true,"message_id":"m-20417"}"#,
    work: Work::Http { host: "mail.internal", path: "/send" },
    median_ms: 140.0,
};

pub(super) static WEB_SEARCH: Tool = Tool {
    name: "web_search",
    description: "Searches the public web",
    arguments: r#"{"query":"{product} warranty terms EU","top_k":5}"#,
    result: r#"{"results":[{"title":"Warranty and returns","url":"https://shop.example/warranty","score":0.91},{"title":"Consumer rights in the EU","url":"https://europa.example/consumers","score":0.84}]}"#,
    work: Work::Http { host: "search.example", path: "/v1/search" },
    median_ms: 850.0,
};

pub(super) static RUN_TESTS: Tool = Tool {
    name: "run_tests",
    description: "Runs the tests in a sandbox and returns the last lines of output",
    arguments: r#"{"path":"exports/","timeout_s":60}"#,
    result: r#"{"exit_code":0,"passed":14,"failed":0,"output":"14 passed in 2.31s"}"#,
    work: Work::Process,
    median_ms: 2600.0,
};

pub(super) static SEARCH_CODE: Tool = Tool {
    name: "search_code",
    description: "Searches the repository by regular expression",
    arguments: r#"{"pattern":"def export_orders","path":"exports/"}"#,
    result: r#"{"matches":[{"file":"exports/orders.py","line":42,"text":"def export_orders(rows, delimiter=','):"}]}"#,
    work: Work::Process,
    median_ms: 95.0,
};

pub(super) static WRITE_FILE: Tool = Tool {
    name: "write_file",
    description: "Writes a file of the working copy",
    arguments: r#"{"path":"exports/orders.py","content":"def export_orders(rows, delimiter=';'):\n    ..."}"#,
    result: r#"{"written":true,"bytes":1874}"#,
    work: Work::Process,
    median_ms: 12.0,
};

/// Something that users ask for, in a conversation of several turns.
#[derive(Debug)]
pub(super) struct Topic {
    pub(super) name: &'static str,
    pub(super) questions: &'static [&'static str],
    pub(super) answers: &'static [&'static str],
    pub(super) plan: &'static str,
    /// What the researcher finds out; empty where none is asked.
    pub(super) findings: &'static str,
    pub(super) documents: &'static [&'static str],
    /// Tools of the researcher.
    pub(super) tools: &'static [&'static Tool],
    /// What the coder reports; empty where none is asked.
    pub(super) patch: &'static str,
}

pub(super) static TOPICS: [Topic; 5] = [
    Topic {
        name: "refund",
        questions: &[
            "My {product} arrived with a broken strap. Order {order}. I want my money back.",
            "How long until the {amount} EUR are on my card?",
            "And do I have to send the broken one back?",
        ],
        answers: &[
            "I am sorry about the {product}. I have started a refund of {amount} EUR for order {order}; you will get a confirmation by email.",
            "Banks usually take 3 to 5 working days. The refund of {amount} EUR left us a moment ago.",
            "No. For damaged items under 250 EUR a photo is enough; please reply with one and you may keep or recycle the item.",
        ],
        plan: r#"{"steps":[{"agent":"researcher","task":"find the order and the refund policy"},{"agent":"planner","task":"answer the customer"}]}"#,
        findings: "Order {order} was delivered 4 days ago. The policy allows a full refund for damage reported within 14 days.",
        documents: &["kb/refund-policy.md", "kb/damaged-items.md", "kb/payment-times.md"],
        tools: &[&LOOKUP_ORDER, &REFUND],
        patch: "",
    },
    Topic {
        name: "delivery",
        questions: &[
            "Where is my order {order}? It should have been here yesterday.",
            "Can I change the address to my office?",
        ],
        answers: &[
            "Your {product} was last scanned at the Leipzig hub and should reach you in 2 days. I am sorry for the delay.",
            "The parcel is already with DHL, so I can not change it, but you can redirect it to a pick-up point in their app.",
        ],
        plan: r#"{"steps":[{"agent":"researcher","task":"track the parcel"},{"agent":"planner","task":"answer the customer"}]}"#,
        findings: "The parcel of {order} is in transit; last scan at the Leipzig hub, expected in 2 days.",
        documents: &["kb/delivery-times.md", "kb/redirect-parcel.md"],
        tools: &[&LOOKUP_ORDER, &TRACK],
        patch: "",
    },
    Topic {
        name: "export",
        questions: &[
            "Our weekly CSV export opens as one column in Excel. Can you switch it to semicolons?",
            "Great. Could it also use a comma for decimals?",
            "Please add the column with the customer's VAT number too.",
        ],
        answers: &[
            "Done: the export now uses semicolons, and all 14 tests pass. The next run on Monday will have it.",
            "Yes: amounts are now written as 1.234,50 when the delimiter is a semicolon. Tests pass.",
            "The column vat_id is now the last one. It is empty for private customers.",
        ],
        plan: r#"{"steps":[{"agent":"coder","task":"change the delimiter of the export"},{"agent":"planner","task":"answer the customer"}]}"#,
        findings: "",
        documents: &[],
        tools: &[],
        patch: "I changed export_orders() to take a delimiter, set it to a semicolon for this account, and added two tests. 14 passed.",
    },
    Topic {
        name: "warranty",
        questions: &[
            "Is a {product} from 2024 still under warranty, and does that hold outside Germany?",
            "What would a repair cost me after that?",
        ],
        answers: &[
            "Yes: the warranty runs for 3 years and holds in all of the EU. Keep the invoice of order {order} as proof.",
            "Out of warranty a repair of the {product} costs 39 EUR flat, plus shipping one way.",
        ],
        plan: r#"{"steps":[{"agent":"researcher","task":"find warranty terms, ours and the legal ones"},{"agent":"planner","task":"answer the customer"}]}"#,
        findings: "Our warranty is 3 years, EU-wide. The legal minimum is 2 years. Repairs after that are 39 EUR flat.",
        documents: &[
            "kb/warranty.md",
            "kb/repairs.md",
            "legal/eu-consumer-rights.md",
            "kb/invoices.md",
        ],
        tools: &[&WEB_SEARCH, &LOOKUP_ORDER],
        patch: "",
    },
    Topic {
        name: "invoice-api",
        questions: &[
            "The invoice API answers 422 for order {order} since this morning. What changed?",
            "Can you send me the invoice by email until then?",
            "Does the fix need a new API key?",
        ],
        answers: &[
            "Since the last release the field vat_id must be absent rather than empty. I have prepared a fix that accepts both; it ships today.",
            "I have sent the invoice of order {order} to {email}.",
            "No, your key stays valid. Only the check of the request changed.",
        ],
        plan: r#"{"steps":[{"agent":"researcher","task":"find what changed in the invoice API"},{"agent":"coder","task":"accept an empty vat_id"},{"agent":"planner","task":"answer the customer"}]}"#,
        findings: "Release 3.12 validates vat_id: an empty string is refused with 422.",
        documents: &["docs/api/invoices.md", "docs/changelog/3.12.md"],
        tools: &[&LOOKUP_ORDER, &SEND_EMAIL],
        patch: "An empty vat_id is now treated as absent; one test covers the request from the report. 14 passed.",
    },
];

pub(super) static PRAISE: [&str; 5] = [
    "Solved in a minute, thank you!",
    "Exactly what I needed.",
    "Surprisingly good answer.",
    "Quick and friendly.",
    "",
];

pub(super) static BLAME: [&str; 5] = [
    "It did not answer my question.",
    "Too slow, I nearly gave up.",
    "Wrong order, please read what I wrote.",
    "I want to talk to a person.",
    "",
];
