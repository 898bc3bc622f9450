//! What a signature costs: `cargo bench -p lambda-protocol --bench signing`.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use divan::{Bencher, black_box, counter::BytesCount};
use http::{HeaderValue, header::HOST, request};
use lambda_protocol::{
    function::FunctionRef,
    invoke::Invoke,
    sigv4::{Credentials, SecretKey, SignedHeaders, Signer, SigningKey, Verifier, payload_hash},
};

fn main() {
    divan::main();
}

const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
const BODY: &[u8] = br#"{"name":"Ada"}"#;

fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_790_000_000)
}

/// Temporary credentials carry a token of about a kilobyte.
fn credentials(token_bytes: usize) -> Credentials {
    let token = "x".repeat(token_bytes);
    let token = (token_bytes > 0).then_some(token.as_str());
    Credentials::new("AKIDEXAMPLE", SecretKey::new(SECRET), token).expect("usable")
}

fn signer(credentials: &Credentials) -> Signer {
    let key = SigningKey::derive(credentials.secret(), now(), "us-east-1", "lambda");
    Signer::new(credentials, key, SignedHeaders::of_invoke())
}

fn invoke() -> request::Parts {
    let mut head = Invoke::new(FunctionRef::new("resize-images")).encode();
    head.headers.insert(HOST, HeaderValue::from_static("lambda.us-east-1.amazonaws.com"));
    head
}

#[divan::bench(args = [0, 1_000])]
fn sign(bencher: Bencher<'_, '_>, token_bytes: usize) {
    let (signer, hash, now) = (signer(&credentials(token_bytes)), payload_hash(BODY), now());
    bencher.with_inputs(invoke).bench_local_values(|mut head| {
        signer.sign(&mut head, black_box(&hash), black_box(now));
        head
    });
}

/// The same request by AWS's crate, payload hash included in neither.
#[divan::bench]
fn sign_by_aws_sigv4(bencher: Bencher<'_, '_>) {
    use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
    let identity = aws_credential_types::Credentials::new("AKIDEXAMPLE", SECRET, None, None, "bench").into();
    let (hash, uri) = (
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "https://lambda.us-east-1.amazonaws.com/2015-03-31/functions/resize-images/invocations",
    );
    bencher.bench_local(|| {
        let params = aws_sigv4::sign::v4::SigningParams::builder()
            .identity(&identity)
            .region("us-east-1")
            .name("lambda")
            .time(now())
            .settings(SigningSettings::default())
            .build()
            .expect("all of them are there")
            .into();
        let headers = [("x-amz-invocation-type", "RequestResponse")].into_iter();
        let body = SignableBody::Precomputed(hash.to_owned());
        let request = SignableRequest::new("POST", black_box(uri), headers, body).expect("a request");
        sign(request, &params).expect("a signature").into_parts().0.into_parts()
    });
}

/// Once a day.
#[divan::bench]
fn derive_key() -> SigningKey {
    SigningKey::derive(black_box(&SecretKey::new(SECRET)), now(), "us-east-1", "lambda")
}

#[divan::bench]
fn verify(bencher: Bencher<'_, '_>) {
    let (credentials, hash) = (credentials(0), payload_hash(BODY));
    let mut head = invoke();
    signer(&credentials).sign(&mut head, &hash, now());
    let verifier = Verifier { credentials, region: "us-east-1".to_owned(), service: "lambda".to_owned() };
    bencher.bench_local(|| {
        let claim = verifier.read(black_box(&head), now()).expect("ours");
        claim.verify(&head, &hash).expect("ours");
    });
}

#[divan::bench(name = "payload_hash", args = [100, 10_000, 1 << 20])]
fn hash(bencher: Bencher<'_, '_>, bytes: usize) {
    let body = vec![b'x'; bytes];
    bencher.counter(BytesCount::new(bytes)).bench_local(|| payload_hash(black_box(&body)));
}
