"""The embedded Personalize as a part of the local cloud: behind the judge, and reaching S3 as the roles of its jobs.

python -m local_cloud.supervisor.personalize_host --emulator URL [what python -m personalize_local takes]
"""

from collections.abc import Sequence
from dataclasses import replace

from local_cloud.identity.guard import Asking, Guard, ask_emulator
from local_cloud.identity.principals import JUDGE_PATH, role_session
from personalize_local.__main__ import options, parser, read, serve
from personalize_local.api.app import App


def role_keys(role_arn: str) -> dict[str, str]:
    """The keys with which Personalize acts as a role, as boto3 names them."""
    session = role_session(role_arn, "personalize")
    return {
        "aws_access_key_id": session.access_key,
        "aws_secret_access_key": session.secret_key,
        "aws_session_token": session.token,
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve until a signal comes."""
    made = parser()
    made.prog = "python -m local_cloud.supervisor.personalize_host"
    made.add_argument("--emulator", required=True, metavar="URL", help="where the judge of calls answers")
    given = read(made, arguments)
    asking = Asking(ask_emulator(f"{given.emulator}{JUDGE_PATH}"))
    serve(Guard(App(replace(options(given), role_keys=role_keys)), asking), given)


if __name__ == "__main__":
    main()
