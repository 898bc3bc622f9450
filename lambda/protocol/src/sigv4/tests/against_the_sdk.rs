//! The same bytes as the signer in AWS's SDK, which `aws-sdk-lambda` uses with these settings.

use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SessionTokenMode, SignableBody, SignableRequest,
    SigningSettings, UriPathNormalizationMode, sign,
};
use http::HeaderValue;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::*;

#[derive(Clone, Debug)]
struct Case {
    method: &'static str,
    target: String,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
    secret: String,
    session_token: Option<String>,
    region: &'static str,
    now: SystemTime,
    sends_hash: bool,
}

/// What chance needs: seeded, so that every run signs the same requests. SplitMix64, by Steele, Lea and Flood.
struct Dice(u64);

impl Dice {
    fn below(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((bits ^ (bits >> 31)) % sides as u64).expect("below a usize")
    }

    fn one_of<T: Copy>(&mut self, things: &[T]) -> T {
        things[self.below(things.len())]
    }

    /// Up to `most` pieces, one behind the other.
    fn some(&mut self, most: usize, mut piece: impl FnMut(&mut Self) -> String) -> String {
        (0..self.below(most + 1)).map(|_| piece(self)).collect()
    }

    fn letters(&mut self, alphabet: &str, most: usize) -> String {
        let letters: Vec<char> = alphabet.chars().collect();
        self.some(most, |dice| dice.one_of(&letters).to_string())
    }

    /// Bytes that are not text are read as such by AWS's crate before it signs them, so these are.
    fn escaped_text(&mut self) -> String {
        let text = self.letters("aZ0 +/&=%~.-_*'\"ä€😀\n", 3);
        utf8_percent_encode(&text, NON_ALPHANUMERIC).to_string()
    }

    fn path(&mut self) -> String {
        let segment = |dice: &mut Self| match dice.below(6) {
            0 => dice.letters("abcXYZ019_-", 12),
            1 => format!(
                "arn%3Aaws%3Alambda%3Aus-east-1%3A123456789012%3Afunction%3A{}",
                dice.letters("abc", 6)
            ),
            2 => format!("arn:aws:lambda:us-east-1:123456789012:function:{}:$LATEST", dice.letters("abc", 6)),
            3 => dice.letters("!$&'()*+,;=:@~_.-%äß€", 5),
            4 => dice.escaped_text().to_lowercase(),
            _ => dice.one_of(&["", ".", "..", "...", ".hidden", "2015-03-31", "%2e%2E", "%2f"]).to_owned(),
        };
        format!("/{}", self.some(6, |dice| segment(dice) + dice.one_of(&["", "/", "/", "/"])))
    }

    fn query(&mut self) -> String {
        let word = |dice: &mut Self| match dice.below(4) {
            0 => dice.one_of(&["", "Qualifier", "a", "A", "b", "%24LATEST", "%41", "%zz", "%"]).to_owned(),
            1 => dice.letters("abAB01~_.!*'(),/:@?+-", 6),
            2 => dice.escaped_text(),
            _ => dice.one_of(&["a", "b"]).to_owned(),
        };
        let pair = |dice: &mut Self| match dice.below(3) {
            0 => word(dice),
            _ => format!("{}={}", word(dice), word(dice)),
        };
        match self.below(3) {
            0 => String::new(),
            1 => format!("?{}", pair(self)),
            _ => format!("?{}", self.some(5, |dice| pair(dice) + dice.one_of(&["&", "&", "&&"]))),
        }
    }

    fn header(&mut self) -> (&'static str, String) {
        let name = self.one_of(&[
            "accept",
            "amz-sdk-invocation-id",
            "content-length",
            "content-type",
            "x-amz-client-context",
            "x-amz-invocation-type",
            "x-amz-log-type",
            "x-custom",
            "z",
        ]);
        let value = match self.below(4) {
            0 => self.letters(" ", 3),
            1 => "a\tb".to_owned(),
            _ => self.letters("   abcABC012,;:=\"'{}/%~", 24),
        };
        (name, value)
    }

    fn case(&mut self) -> Case {
        const VISIBLE: &str = "abcxyzABCXYZ0189!#$%&'()*+,-./:;<=>?@[]^_`{|}~";
        let centuries = 253_402_300_800;
        let seconds =
            if self.below(4) == 0 { self.below(centuries) } else { 1_700_000_000 + self.below(200_000_000) };
        Case {
            method: self.one_of(&["GET", "POST", "PUT", "DELETE", "PATCH"]),
            target: self.path() + &self.query(),
            headers: (0..self.below(7)).map(|_| self.header()).collect(),
            body: (0..self.below(100)).map(|_| self.below(256).to_le_bytes()[0]).collect(),
            secret: format!("s{}", self.letters(VISIBLE, 50)),
            session_token: (self.below(2) == 0).then(|| format!("t{}", self.letters(VISIBLE, 60))),
            region: self.one_of(&["us-east-1", "eu-central-1", "us-gov-west-1", "cn-north-1"]),
            now: UNIX_EPOCH + Duration::from_secs(seconds as u64),
            sends_hash: self.below(2) == 0,
        }
    }
}

const HOST_VALUE: &str = "lambda.us-east-1.amazonaws.com:8443";

fn signed_by_us(case: &Case) -> request::Parts {
    let names = case.headers.iter().map(|(name, _)| HeaderName::from_static(name));
    let signed = SignedHeaders::new(names.chain(case.sends_hash.then_some(X_AMZ_CONTENT_SHA256)));
    let secret = SecretKey::new(&case.secret);
    let key = SigningKey::derive(&secret, case.now, case.region, "lambda");
    let credentials = Credentials::new("AKIDEXAMPLE", secret, case.session_token.as_deref()).expect("usable");
    let mut head = head(case.method, &case.target, &[(HOST, HOST_VALUE)]);
    for (name, value) in &case.headers {
        head.headers.append(*name, HeaderValue::from_str(value).expect("a value"));
    }
    Signer::new(&credentials, key, signed).sign(&mut head, &payload_hash(&case.body), case.now);
    head
}

/// The headers that AWS's crate adds.
fn signed_by_aws(case: &Case) -> Vec<(String, String)> {
    let mut settings = SigningSettings::default();
    settings.percent_encoding_mode = PercentEncodingMode::Double;
    settings.uri_path_normalization_mode = UriPathNormalizationMode::Enabled;
    settings.session_token_mode = SessionTokenMode::Include;
    settings.payload_checksum_kind =
        if case.sends_hash { PayloadChecksumKind::XAmzSha256 } else { PayloadChecksumKind::NoHeader };
    let identity = aws_credential_types::Credentials::new(
        "AKIDEXAMPLE",
        &case.secret,
        case.session_token.clone(),
        None,
        "generated",
    )
    .into();
    let params = aws_sigv4::sign::v4::SigningParams::builder()
        .identity(&identity)
        .region(case.region)
        .name("lambda")
        .time(case.now)
        .settings(settings)
        .build()
        .expect("all of them are there")
        .into();
    let headers = case.headers.iter().map(|(name, value)| (*name, value.as_str()));
    let headers = headers.chain([("host", HOST_VALUE)]);
    let url = format!("http://{HOST_VALUE}{}", case.target);
    let request = SignableRequest::new(case.method, url, headers, SignableBody::Bytes(&case.body));
    let (instructions, _) = sign(request.expect("a request"), &params).expect("a signature").into_parts();
    instructions.headers().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

#[test]
fn every_request_is_signed_byte_for_byte_as_awss_own_crate_does() {
    std::thread::scope(|scope| {
        for seed in 0..SEEDS {
            scope.spawn(move || {
                let mut dice = Dice(seed);
                (0..CASES_OF_SEED).for_each(|_| check(&dice.case()));
            });
        }
    });
}

#[track_caller]
fn check(case: &Case) {
    let (ours, theirs) = (signed_by_us(case), signed_by_aws(case));
    assert!(theirs.iter().any(|(name, _)| name == "authorization"));
    for (name, value) in theirs {
        assert_eq!(ours.headers[&name].to_str().ok(), Some(value.as_str()), "{name} of {case:#?}");
    }
}

/// Each has a thread of its own.
const SEEDS: u64 = 4;
const CASES_OF_SEED: usize = 7_500;
