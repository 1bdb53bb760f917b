"""The local cloud and a page in a browser: every port answers 403 to what a page can send, and nothing is done."""

import urllib.error
import urllib.request
from urllib.parse import urlsplit

import pytest
from botocore.config import Config

from local_cloud.supervisor.lifecycle import LocalCloud
from tests.browsers import PAGE, ask, fetched, form, image, navigation, preflight, request, simple_post
from tests.conformance.emulator.conftest import make_function
from tests.private import open_to_others

EVERY_HEADER = "authorization,content-type,x-amz-date,x-amz-target,x-local-request"
SIGNED = "Authorization: AWS4-HMAC-SHA256 Credential=test/20261201/us-east-1/{}/aws4_request, SignedHeaders=host, Signature=0"
TARGET = "X-Amz-Target: AmazonSSM.PutParameter"
JSON = "Content-Type: application/x-amz-json-1.1"
PARAMETER = b'{"Name":"stolen","Value":"x","Type":"String"}'
CREATE_TOPIC = "/?Action=CreateTopic&Name=stolen&Version=2010-03-31"
KEY_KNOWN_TO_ALL = (
    "&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=test%2F20261201%2Fus-east-1%2F{}%2Faws4_request"
    "&X-Amz-Date=20261201T000000Z&X-Amz-Expires=604800&X-Amz-SignedHeaders=host&X-Amz-Signature=00"
)
ORDER = b'{"operation":"*","outcome":{"drop":true}}'


def _address(url: str) -> tuple[str, int]:
    return "127.0.0.1", int(urlsplit(url).port or 0)


@pytest.fixture(params=["emulator", "personalize"])
def address(request: pytest.FixtureRequest, cloud: LocalCloud) -> tuple[str, int]:
    """Every port of the cloud."""
    return _address({"emulator": cloud.endpoint, "personalize": cloud.personalize}[request.param])


def _hostile(host: str) -> dict[str, bytes]:
    rebound = f"rebound.example:{host.rpartition(':')[2]}"
    ssm = (SIGNED.format("ssm"), TARGET, JSON)
    return {
        "preflight": preflight("/", host, headers=EVERY_HEADER),
        "preflight of a path": preflight("/2015-03-31/functions", host, headers=EVERY_HEADER),
        "preflight from a bucket": preflight("/bucket/key", host, method="PUT"),
        "simple post": simple_post("/", host, b"Action=CreateTopic&Name=stolen&Version=2010-03-31"),
        "simple post to the admin": simple_post("/_local/faults", host, ORDER),
        "simple reset": simple_post("/_ministack/reset", host, b""),
        "form": form("/", host, b"Action=CreateTopic&Name=stolen&Version=2010-03-31"),
        "form of a sandboxed page": form("/", host, b"Action=CreateTopic&Name=stolen", origin="null"),
        "form of an old browser": form("/", host, b"Action=CreateTopic&Name=stolen", old=True),
        "image": image(CREATE_TOPIC, host),
        "signed image": image(CREATE_TOPIC + KEY_KNOWN_TO_ALL.format("sns"), host),
        "image in an old browser": image("/_local/usage", host, old=True),
        "link": navigation(CREATE_TOPIC, host),
        "page on another port": request("POST", "/", host, "Origin: http://localhost:3000", *ssm, body=PARAMETER),
        "page of a neighbour": request("POST", "/", host, *fetched(site="same-site"), *ssm, body=PARAMETER),
        "rebound name": request("POST", "/", rebound, f"Origin: http://{rebound}", *ssm, body=PARAMETER),
        "rebound name, same origin": request("POST", "/", rebound, *fetched(site="same-origin"), *ssm, body=PARAMETER),
        "name that only begins well": request("POST", "/", "localhost.evil.example", *ssm, body=PARAMETER),
        "two origins": request("POST", "/", host, f"Origin: http://{host}", f"Origin: {PAGE}", *ssm, body=PARAMETER),
        "through a proxy": request("POST", "http://evil.example/", host, *ssm, body=PARAMETER),
        "web socket": request(
            *("GET", "/_aws/execute-api/a/b", host, f"Origin: {PAGE}", "Upgrade: websocket", "Connection: Upgrade"),
            *("Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="),
        ),
    }


@pytest.mark.parametrize("name", list(_hostile("127.0.0.1:1")))
def test_a_page_is_answered_403_and_nothing_is_done(cloud: LocalCloud, address: tuple[str, int], name: str) -> None:
    """No header lets the page read the answer, no topic, no parameter and no fault is made, nothing is lost."""
    seen = ask(address, _hostile(f"{address[0]}:{address[1]}")[name])
    assert (403, []) == (seen.status, [one for one in seen.headers if one.startswith("access-control-")])
    assert [] == [one for one in cloud.client("sns").list_topics()["Topics"] if "stolen" in one["TopicArn"]]
    assert ["stolen"] == cloud.client("ssm").get_parameters(Names=["stolen"])["InvalidParameters"]
    assert cloud.client("iam").list_roles()["Roles"]
    cloud.client("personalize").list_schemas()


@pytest.mark.parametrize(
    "text",
    [
        request("POST", "/", None, SIGNED.format("ssm"), TARGET, JSON, body=PARAMETER),
        request("POST", "/", "localhost", "Host: evil.example", SIGNED.format("ssm"), TARGET, JSON, body=PARAMETER),
    ],
)
def test_a_request_has_one_host(cloud: LocalCloud, address: tuple[str, int], text: bytes) -> None:
    """None or two are refused, by the guard or by the web server before it."""
    assert ask(address, text).status in (400, 403)
    assert ["stolen"] == cloud.client("ssm").get_parameters(Names=["stolen"])["InvalidParameters"]


UNSIGNED = {
    "query by an image of an old browser": image(CREATE_TOPIC, "localhost", old=True),
    "the same, signed with the key that all know": image(
        CREATE_TOPIC + KEY_KNOWN_TO_ALL.format("sns"), "localhost", old=True
    ),
    "the same, as if it were for S3": image(CREATE_TOPIC + KEY_KNOWN_TO_ALL.format("s3"), "localhost", old=True),
    "query in lower case": image("/?action=CreateTopic&Name=stolen", "localhost", old=True),
    "query to a queue": image("/000000000000/q?Action=SendMessage&MessageBody=x", "localhost", old=True),
    "form without an origin": request(
        "POST",
        "/",
        "localhost",
        "Content-Type: application/x-www-form-urlencoded",
        body=b"Action=CreateTopic&Name=stolen",
    ),
    "form to a signed address": request(
        *("POST", "/?" + KEY_KNOWN_TO_ALL.format("s3")[1:], "localhost"),
        "Content-Type: application/x-www-form-urlencoded",
        body=b"Action=CreateTopic&Name=stolen",
    ),
    "text that is JSON": request("POST", "/2015-03-31/functions/f/invocations", "localhost", body=b"{}"),
    "object": request("PUT", "/stolen/key", "localhost", body=b"x"),
    "password in the address": image(CREATE_TOPIC, "localhost", old=True).replace(
        b"\r\nConnection", b"\r\nAuthorization: Basic dGVzdDp0ZXN0\r\nConnection"
    ),
    "log out": image("/logout", "localhost", old=True),
    **{
        f"query to {path}": image(f"{path}{CREATE_TOPIC[1:]}", "localhost", old=True)
        for path in (
            *("/_ministack/cfn-response/x", "/_ministack/cfn-signal/x", "/_ministack/lambda-layers/x"),
            *("/_ministack/readyz", "/_ministack/health", "/_localstack/healthz", "/_ministack/lambda-code/z"),
            *("/_aws/lambda-url//", "/_aws/execute-api/x", "/_aws/execute-api//prod/", "/restapis/x/_user_request_"),
        )
    },
    **{
        f"query to {host}": image(CREATE_TOPIC, host, old=True)
        for host in ("x.execute-api.localhost", "0123abcd.execute-api.localhost", "x.lambda-url.us-east-1.localhost")
    },
    "form to an open path": request(
        *("POST", "/_ministack/lambda-code/z", "localhost", "Content-Type: application/x-www-form-urlencoded"),
        body=b"Action=CreateTopic&Name=stolen",
    ),
    "form in place of an object": request(
        *("PUT", "/b/k?" + KEY_KNOWN_TO_ALL.format("s3")[1:], "localhost"),
        "Content-Type: application/x-www-form-urlencoded",
        body=b"Action=CreateTopic&Name=stolen",
    ),
    "call by its header": request("POST", "/", "x.execute-api.localhost", TARGET, JSON, body=PARAMETER),
}


@pytest.mark.parametrize("name", list(UNSIGNED))
def test_what_acts_is_signed(cloud: LocalCloud, name: str) -> None:
    """A request without Origin and without fetch metadata can come from a page; one with a signature cannot."""
    seen = ask(_address(cloud.endpoint), UNSIGNED[name])
    assert (403, True) == (seen.status, b"carries no signature" in seen.body)
    assert [] == [one for one in cloud.client("sns").list_topics()["Topics"] if "stolen" in one["TopicArn"]]
    assert ["stolen"] == cloud.client("ssm").get_parameters(Names=["stolen"])["InvalidParameters"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        *(("POST", "/_ministack/reset"), ("POST", "/_ministack/config"), ("GET", "/_ministack/sqs/messages")),
        *(("POST", "/_local/alarms"), ("POST", "/_local/identity/judge"), ("GET", "/_localstack/plugins")),
        *(("POST", "/%5Fministack/reset"), ("GET", "/_aws/ses"), ("GET", "/_ministack/ses/messages")),
    ],
)
def test_what_administers_asks_for_the_header(cloud: LocalCloud, method: str, path: str) -> None:
    """A signature in place of it does not do."""
    seen = ask(_address(cloud.endpoint), request(method, path, "localhost", SIGNED.format("sts"), body=b"{}"))
    assert (403, True) == (seen.status, b"X-Local-Request" in seen.body)
    assert cloud.client("iam").list_roles()["Roles"]


@pytest.mark.parametrize("path", ["/_ministack/health", "/health", "/_localstack/health", "/_ministack/ready"])
def test_health_is_told_to_every_program(cloud: LocalCloud, path: str) -> None:
    """As scripts that wait for the emulator ask for it; a page of another site is refused there too."""
    address = _address(cloud.endpoint)
    assert 200 == ask(address, request("GET", path, "localhost")).status
    assert 403 == ask(address, image(path, "localhost")).status


def test_an_answer_lets_no_page_read_it_and_runs_as_nobody(cloud: LocalCloud, name: str) -> None:
    """MiniStack's CORS headers are gone, a bucket's own rules too; what a bucket holds is shown in a sandbox."""
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket=name)
    rule = {"AllowedOrigins": ["*"], "AllowedMethods": ["GET", "PUT"], "AllowedHeaders": ["*"]}
    s3.put_bucket_cors(Bucket=name, CORSConfiguration={"CORSRules": [rule]})
    s3.put_object(Bucket=name, Key="page.html", Body=b"<script>", ContentType="text/html")
    host = f"localhost:{_address(cloud.endpoint)[1]}"
    for service, path in (("s3", f"/{name}/page.html"), ("s3", f"/{name}/none"), ("sts", "/?Action=GetCallerIdentity")):
        headers = (SIGNED.format(service), f"Origin: http://{host}")
        seen = ask(_address(cloud.endpoint), request("GET", path, host, *headers))
        assert [] == [one for one in seen.headers if one.startswith("access-control-")]
        assert ("sandbox", "nosniff") == (
            seen.headers["content-security-policy"],
            seen.headers["x-content-type-options"],
        )
    preflighted = ask(_address(cloud.endpoint), preflight(f"/{name}/page.html", host, origin=f"http://{host}"))
    assert [] == [one for one in preflighted.headers if one.startswith("access-control-")]


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_clients_are_served_by_every_name_of_this_computer(cloud: LocalCloud, name: str, host: str) -> None:
    """Also where a bucket is a part of the host, as SDKs write it for names."""
    port = _address(cloud.endpoint)[1]
    cloud.client("s3").create_bucket(Bucket=name)
    signed = SIGNED.format("s3")
    assert 200 == ask(("127.0.0.1", port), request("GET", f"/{name}", f"{host}:{port}", signed)).status
    put = ask(("127.0.0.1", port), request("PUT", "/key", f"{name}.s3.localhost:{port}", signed, body=b"x"))
    assert (200, b"x") == (put.status, cloud.client("s3").get_object(Bucket=name, Key="key")["Body"].read())


@pytest.mark.parametrize("version", ["s3", "s3v4"])
def test_an_address_that_was_signed_works_for_a_while(cloud: LocalCloud, name: str, version: str) -> None:
    """What SDKs hand out for one object: it is fetched and put without a header."""
    s3 = cloud.client("s3", config=Config(signature_version=version))
    s3.create_bucket(Bucket=name)
    put = s3.generate_presigned_url("put_object", Params={"Bucket": name, "Key": "k"})
    with urllib.request.urlopen(urllib.request.Request(put, b"x", method="PUT")) as answer:  # noqa: S310
        assert 200 == answer.status
    with urllib.request.urlopen(s3.generate_presigned_url("get_object", Params={"Bucket": name, "Key": "k"})) as answer:  # noqa: S310
        assert b"x" == answer.read()
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(f"{cloud.endpoint}/{name}/k")  # noqa: S310


def test_the_address_of_a_functions_code_works(cloud: LocalCloud, name: str) -> None:
    """GetFunction hands it out; it is fetched without a header, as on AWS."""
    make_function(cloud, name, "def lambda_handler(event, context): return 1")
    location = cloud.client("lambda").get_function(FunctionName=name)["Code"]["Location"]
    with urllib.request.urlopen(location) as answer:  # noqa: S310
        assert answer.read(2) == b"PK"


def test_what_a_template_publishes_is_called_without_a_signature(cloud: LocalCloud, name: str) -> None:
    """A function by its URL's id in the path and in the host, an API by its id and stage; also with an Action."""
    arn = make_function(cloud, name, "def lambda_handler(event, context): return {'statusCode': 200, 'body': 'mine'}")
    functions, apis = cloud.client("lambda"), cloud.client("apigatewayv2")
    url = functions.create_function_url_config(FunctionName=name, AuthType="NONE")["FunctionUrl"]
    for action in ("lambda:InvokeFunctionUrl", "lambda:InvokeFunction"):
        principal = {"Principal": "*" if action.endswith("Url") else "apigateway.amazonaws.com"}
        functions.add_permission(FunctionName=name, StatementId=action.rpartition(":")[2], Action=action, **principal)
    api = apis.create_api(Name=name, ProtocolType="HTTP")["ApiId"]
    integration = apis.create_integration(
        ApiId=api, IntegrationType="AWS_PROXY", IntegrationUri=arn, PayloadFormatVersion="2.0"
    )["IntegrationId"]
    apis.create_route(ApiId=api, RouteKey="$default", Target=f"integrations/{integration}")
    apis.create_stage(ApiId=api, StageName="$default", AutoDeploy=True)
    function = str(urlsplit(url).hostname).partition(".")[0]
    for host, path in (
        ("localhost", f"/_aws/lambda-url/{function}/"),
        (f"{function}.lambda-url.us-east-1.localhost", "/"),
        ("localhost", f"/_aws/execute-api/{api}/$default/"),
        ("localhost", f"/restapis/{api}/$default/_user_request_/"),
    ):
        for text in (
            request("GET", path, host),
            request("GET", f"{path}{CREATE_TOPIC[1:]}", host),
            request("POST", path, host, TARGET, JSON, body=PARAMETER),
        ):
            seen = ask(_address(cloud.endpoint), text)
            assert (200, b"mine") == (seen.status, seen.body), (host, path)
    assert [] == [one for one in cloud.client("sns").list_topics()["Topics"] if "stolen" in one["TopicArn"]]
    assert ["stolen"] == cloud.client("ssm").get_parameters(Names=["stolen"])["InvalidParameters"]


def test_everything_that_is_kept_is_its_owners_alone(cloud: LocalCloud) -> None:
    """Folders 0700 and files 0600, after all that the other tests did: logs, records, objects, databases, packages."""
    kept = cloud.state.root
    cloud.client("s3").create_bucket(Bucket="private-state")
    cloud.client("s3").put_object(Bucket="private-state", Key="a/b", Body=b"x")
    assert [] == open_to_others(kept)
    assert {"cloud.json", "ports.json", "supervisor.lock", "logs", "emulator"} <= {one.name for one in kept.iterdir()}
    assert list(kept.rglob("private-state/**/b"))
