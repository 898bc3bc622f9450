//! What a token request asks for: fields of a form.

use http::{HeaderMap, header};
use stayput_core::Credential;

use super::answer::Problem;

/// The fields of both requests. Others are ignored (RFC 6749 section 3.2); an empty one is as good as none.
pub(super) struct Form {
    pub(super) grant_type: Option<String>,
    pub(super) scope: Option<String>,
    pub(super) token: Option<Credential>,
    /// Client id and secret as they are registered, `id:secret`.
    pub(super) client: Option<Credential>,
    /// Did the client use HTTP's own way of saying who it is?
    pub(super) basic: bool,
}

impl Form {
    /// Whatever the content type says: callers in the field forget it.
    ///
    /// # Errors
    /// A field that is there twice, or two ways of saying who the client is.
    pub(super) fn parse(headers: &HeaderMap, body: &[u8]) -> Result<Self, Problem> {
        let [grant_type, scope, token, id, secret] = fields(body)?;
        let basic = basic(headers)?;
        if basic.is_some() && (id.is_some() || secret.is_some()) {
            return Err(Problem::Request("the client says twice who it is"));
        }
        let in_body = || Some(joined(id.as_deref()?, secret.as_deref()?));
        let is_basic = basic.is_some();
        let client = basic.or_else(in_body);
        Ok(Self { grant_type, scope, token: token.map(Credential::new), client, basic: is_basic })
    }
}

fn fields(body: &[u8]) -> Result<[Option<String>; 5], Problem> {
    let mut found = [const { None }; 5];
    for (name, value) in form_urlencoded::parse(body) {
        let Some(index) = FIELDS.iter().position(|field| *field == name) else { continue };
        if found[index].is_some() {
            return Err(Problem::Request("a field is there twice"));
        }
        found[index] = Some(value.into_owned()).filter(|value| !value.is_empty());
    }
    Ok(found)
}

/// RFC 6749 section 2.3.1: both halves are encoded like a form's, and then as HTTP has it. Another scheme is not
/// for us: callers may have a token already.
fn basic(headers: &HeaderMap) -> Result<Option<Credential>, Problem> {
    let broken = || Problem::Request("the Authorization field is broken");
    let Some(value) = headers.get(header::AUTHORIZATION).map(|value| value.as_bytes()) else {
        return Ok(None);
    };
    let Some((scheme, encoded)) = value.split_at_checked(BASIC.len()) else { return Ok(None) };
    if !scheme.eq_ignore_ascii_case(BASIC) {
        return Ok(None);
    }
    let decoded = base64_simd::STANDARD.decode_to_vec(encoded.trim_ascii()).map_err(|_| broken())?;
    let decoded = String::from_utf8(decoded).map_err(|_| broken())?;
    let (id, secret) = decoded.split_once(':').ok_or_else(broken)?;
    Ok(Some(joined(&unescaped(id), &unescaped(secret))))
}

fn unescaped(text: &str) -> String {
    form_urlencoded::parse(text.replace('=', "%3D").replace('&', "%26").as_bytes())
        .next()
        .map(|(name, _)| name.into_owned())
        .unwrap_or_default()
}

fn joined(id: &str, secret: &str) -> Credential {
    Credential::new(format!("{id}:{secret}"))
}

const FIELDS: [&str; 5] = ["grant_type", "scope", "token", "client_id", "client_secret"];

const BASIC: &[u8] = b"basic ";
