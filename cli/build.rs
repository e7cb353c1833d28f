//! Lets the binary find the prepared DuckDB library where it was linked from, without environment variables.

fn main() {
    println!("cargo:rerun-if-env-changed=DUCKDB_LIB_DIR");
    let is_unix = std::env::var_os("CARGO_CFG_UNIX").is_some();
    if let Some(directory) = std::env::var("DUCKDB_LIB_DIR").ok().filter(|_| is_unix) {
        println!("cargo:rustc-link-arg=-Wl,-rpath,{directory}");
    }
}
