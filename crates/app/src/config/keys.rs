//! Every key there is, with its default and meaning: the one list that files, variables and flags are checked against.

/// One configuration key.
pub(crate) struct Key {
    /// Dotted name; `METRIA_` and the name in capitals with `_` for `.` is its variable.
    pub(crate) name: &'static str,
    /// Value when nothing is said.
    pub(crate) default: &'static str,
    /// What it does.
    pub(crate) help: &'static str,
}

/// All keys, in the order of `config show`.
pub(crate) const KEYS: &[Key] = &[
    Key { name: "home", default: "", help: "folder of everything Metria keeps (default: the platform's data folder)" },
    Key {
        name: "store.url",
        default: "",
        help: "records: sqlite:PATH or postgres://… (default: metria.db in the home)",
    },
    Key {
        name: "store.durability",
        default: "process",
        help: "what an answered write survives: process (kill -9) or power_loss (fsync at each commit)",
    },
    Key {
        name: "artifacts.root",
        default: "",
        help: "artifacts: a folder or s3://BUCKET/PREFIX, reached by AWS_* (default: artifacts in the home)",
    },
    Key { name: "server.host", default: "127.0.0.1", help: "address to listen on" },
    Key { name: "server.port", default: "5000", help: "port to listen on; 0 takes a free one" },
    Key {
        name: "server.allowed_hosts",
        default: "",
        help: "further names allowed in the Host header, with commas between",
    },
    Key {
        name: "server.insecure_no_auth",
        default: "false",
        help: "allow listening beyond loopback without authentication",
    },
    Key { name: "server.max_body_bytes", default: "104857600", help: "largest request body" },
    Key {
        name: "server.request_timeout_seconds",
        default: "120",
        help: "how long a client may take to send the head or the body of a request",
    },
    Key {
        name: "serving.max_in_flight",
        default: "1024",
        help: "predictions under way at once before the answer is 429",
    },
    Key { name: "serving.max_instances", default: "10000", help: "most rows in one prediction request" },
    Key {
        name: "webhooks.allow_private",
        default: "false",
        help: "allow webhooks at addresses of this machine and network",
    },
    Key { name: "webhooks.schemes", default: "https", help: "schemes that webhooks may have, with commas between" },
    Key {
        name: "webhooks.key_file",
        default: "",
        help: "key that webhooks' secrets are encrypted with, shared by servers on one store (default: webhooks.key in the home)",
    },
    Key { name: "webhooks.timeout_seconds", default: "30", help: "how long telling a webhook may take" },
    Key { name: "webhooks.max_retries", default: "3", help: "how often a webhook that failed is told again" },
    Key { name: "log.filter", default: "info", help: "what is logged, such as info or metria=debug,warn" },
    Key { name: "log.format", default: "text", help: "text or json" },
];

/// The key of that name.
pub(crate) fn find(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.name == name)
}

/// The environment variable of a key.
pub(crate) fn variable(name: &str) -> String {
    format!("METRIA_{}", name.replace('.', "_").to_ascii_uppercase())
}
