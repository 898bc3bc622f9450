//! The warden on its own: for embedders whose binary cannot be its own warden, and for the tests.

fn main() -> std::io::Result<()> {
    lambda_local::warden::run()
}
