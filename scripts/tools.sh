# Sourced by the other scripts: says in one line what is missing.

need() { # COMMAND WHAT-TO-INSTALL
    command -v "$1" >/dev/null 2>&1 || {
        echo "watchkeep: '$1' is missing: install $2" >&2
        exit 1
    }
}

need_rust() { need cargo "the Rust toolchain of rust-toolchain.toml (with rustup: 'rustup toolchain install')"; }

need_node() {
    need node "Node.js 20 or newer"
    need npm "npm, which comes with Node.js"
    [ "$(node -p 'process.versions.node.split(".")[0]')" -ge 20 ] || {
        echo "watchkeep: Node.js $(node --version) is too old: install Node.js 20 or newer" >&2
        exit 1
    }
}

# Where cargo puts what it builds, whoever set it.
target_dir() {
    cargo metadata --format-version 1 --no-deps --offline 2>/dev/null |
        sed -n 's/.*"target_directory":"\([^"]*\)".*/\1/p'
}
