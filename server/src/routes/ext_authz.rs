//! `envoy.service.auth.v3.Authorization/Check`: Envoy asks over gRPC, on a listener of its own.

use std::{pin::Pin, sync::Arc};

use axum::{
    body::Body,
    extract::{Request, State},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use prost::Message as _;
use tonic::server::{Grpc, UnaryService};
use tonic_prost::ProstCodec;

use super::verify::{Redirects, verify};
use crate::{
    context::Context,
    error::Trouble,
    ext_authz::{
        EnvoyQuestion, answer,
        proto::{CheckRequest, CheckResponse},
    },
    extract::{
        body,
        gateway::{Gateway, Refusal},
    },
    house::Holdfast,
    respond::{Code, Problem},
};

/// Answers a question as `/verify/envoy` does. Whoever is no gateway gets a denial, and its question is not read.
pub(crate) async fn check(
    State(house): State<Arc<Holdfast>>,
    gateway: Result<Gateway, Problem>,
    context: Context,
    request: Request,
) -> Response {
    let (mut head, question) = request.into_parts();
    // What was promised of the encoding is of no matter: a message that is compressed says so itself.
    head.headers.remove("grpc-encoding");
    let (gateway, question) = match gateway {
        Err(problem) => (Err(problem), Bytes::from_static(EMPTY_QUESTION)),
        Ok(gateway) => match read(question).await {
            Ok(question) => (Ok(gateway), question),
            Err(refusal) => (Err(refusal.tell(&house, &context)), Bytes::from_static(EMPTY_QUESTION)),
        },
    };
    let call = Authorization { house, gateway: Some(gateway), context };
    let mut grpc = Grpc::new(ProstCodec::<CheckResponse, CheckRequest>::default())
        .max_decoding_message_size(MOST_QUESTION_BYTES);
    grpc.unary(call, Request::from_parts(head, Body::from(question))).await.map(Body::new)
}

/// The one message of a call, still framed, once it is certain that it can be read. The library would answer what cannot
/// with a failed call, and that is a yes where `failure_mode_allow` is set.
async fn read(question: Body) -> Result<Bytes, Refusal> {
    let too_large =
        "the question is larger than 256 KiB, or did not come in ten seconds; send no bodies along";
    let question =
        body::read(question, MOST_QUESTION_BYTES).await.ok_or_else(|| Refusal::request(too_large))?;
    let message = match question.split_first_chunk::<5>() {
        // Not compressed, and as long as it says (gRPC over HTTP/2, Length-Prefixed-Message).
        Some(([0, length @ ..], message))
            if usize::try_from(u32::from_be_bytes(*length)) == Ok(message.len()) =>
        {
            message
        }
        Some(_) | None => {
            return Err(Refusal::request("the question is not one uncompressed message of gRPC"));
        }
    };
    match CheckRequest::decode(message) {
        Ok(_readable) => Ok(question),
        Err(_) => Err(Refusal::request("the question is no CheckRequest, or holds text that is no UTF-8")),
    }
}

/// What is no call that is served, in the words of gRPC.
pub(crate) async fn unimplemented() -> Response {
    let detail = "this listener serves envoy.service.auth.v3.Authorization/Check";
    tonic::Status::unimplemented(detail).into_http()
}

/// One call.
struct Authorization {
    house: Arc<Holdfast>,
    /// Taken by the one question that a call has.
    gateway: Option<Result<Gateway, Problem>>,
    context: Context,
}

impl UnaryService<CheckRequest> for Authorization {
    type Response = CheckResponse;
    type Future = Pin<Box<dyn Future<Output = Result<tonic::Response<CheckResponse>, tonic::Status>> + Send>>;

    fn call(&mut self, question: tonic::Request<CheckRequest>) -> Self::Future {
        let gateway = self.gateway.take();
        let (house, context) = (Arc::clone(&self.house), self.context);
        Box::pin(async move {
            let gateway = gateway.ok_or_else(|| tonic::Status::internal("a call has one question"))?;
            Ok(decide(&house, gateway, &context, question.into_inner()).await)
        })
    }
}

async fn decide(
    house: &Holdfast,
    gateway: Result<Gateway, Problem>,
    context: &Context,
    question: CheckRequest,
) -> tonic::Response<CheckResponse> {
    let mut asked = EnvoyQuestion::default();
    let response = match gateway {
        Err(problem) => Err(problem),
        Ok(gateway) => match EnvoyQuestion::read(question) {
            Err(refusal) => Err(refusal.tell(house, context)),
            Ok(read) => {
                asked = read;
                verify(house, gateway.envoy_grpc(&asked), &asked.headers, context, Redirects::AsStatus).await
            }
        },
    };
    let response = response.unwrap_or_else(IntoResponse::into_response);
    let code = response.extensions().get::<Code>().copied();
    let trouble = response.extensions().get::<Trouble>().cloned();
    let mut told = tonic::Response::new(answer(response, &asked.headers).await);
    // For the log line of the request, and the audit trail of trouble.
    if let Some(code) = code {
        told.extensions_mut().insert(code);
    }
    if let Some(trouble) = trouble {
        told.extensions_mut().insert(trouble);
    }
    told
}

/// A message of no bytes, as gRPC frames it.
const EMPTY_QUESTION: &[u8; 5] = &[0; 5];

/// As many header fields as are taken, and room around them.
const MOST_QUESTION_BYTES: usize = 256 * 1024;
