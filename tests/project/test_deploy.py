"""What is there to deploy with agrees with the service: command, metrics, folders."""

import json
import re
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
import tree_sitter_powershell
import uvicorn
import yaml
from tree_sitter import Language, Parser
from uvicorn.logging import DefaultFormatter

from bot.telemetry.gauges import Gauges
from bot.telemetry.metrics import LoopLag, Metrics, described

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
COMMAND = "exec uvicorn main:app --host 0.0.0.0 --port $PORT --workers 1 --no-use-colors"
DASHBOARD = json.loads((DEPLOY / "grafana/dashboards/kalshiproto.json").read_text())
RULES = yaml.safe_load((DEPLOY / "prometheus/alerts.yml").read_text())["groups"][0]["rules"]
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text())
DOCKERFILE = (ROOT / "Dockerfile").read_text()
#: What Prometheus and its client for Python add.
FOREIGN = {"up", "process_resident_memory_bytes", "process_cpu_seconds_total"}


def queries():
    """All expressions of the dashboard and of the alert rules."""
    for panel in DASHBOARD["panels"]:
        yield from (target["expr"] for target in panel.get("targets", ()))
    yield from (note["expr"] for note in DASHBOARD["annotations"]["list"])
    yield from (rule["expr"] for rule in RULES)


def metrics_of(query):
    """The names of metrics in a query: what is no function, no label and no text."""
    bare = re.sub(r'"[^"]*"|\[[^\]]*\]|\{[^}]*\}|by \([^)]*\)', " ", query)
    return re.findall(r"[a-z]\w*_\w+(?!\w*\()|\bup\b", re.sub(r"\b[a-z_]+ ?\(", "(", bare))


def known_metrics():
    names = set(FOREIGN)
    for name, kind, _ in described():
        plain = name.partition("{")[0]
        names |= {f"{plain}_bucket", f"{plain}_count"} if kind == "histogram" else {plain}
    return names


@pytest.mark.parametrize("query", sorted(set(queries())))
def test_every_metric_of_dashboard_and_alerts_exists(query):
    found = metrics_of(query)

    assert found
    assert set(found) <= known_metrics()


def test_what_the_process_tells_of_itself_is_in_the_text_of_metrics():
    text = Metrics(Gauges, LoopLag(lambda: 0.0)).render()[0].decode()

    assert {name for name in FOREIGN - {"up"} if f"\n{name} " not in text} == set()


def test_every_label_in_a_query_is_one_of_its_metric():
    labels = {
        name: set(re.split(r", ", rest.rstrip("}"))) if rest else set()
        for name, _, rest in (one[0].partition("{") for one in described())
    }
    for query in queries():
        for by in re.findall(r"by \(([^)]*)\)", query):
            asked = set(by.split(", ")) - {"le"}
            assert all(asked <= labels[name] for name in metrics_of(query) if name in labels)


def test_panels_do_not_overlap():
    taken: dict[tuple[int, int], str] = {}
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                assert taken.setdefault((x, y), panel["title"]) == panel["title"]
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_every_alert_says_what_is_wrong_and_what_to_do(rule):
    assert rule["labels"]["severity"] in {"critical", "warning"}
    assert set(rule["annotations"]) == {"summary", "remedy"}


def test_all_ways_to_deploy_start_the_same_command():
    railway = json.loads((ROOT / "railway.json").read_text())["deploy"]

    assert (ROOT / "Procfile").read_text().strip() == f"web: {COMMAND}"
    assert json.loads(DOCKERFILE.rpartition("\nCMD ")[2].splitlines()[0]) == ["sh", "-c", COMMAND]
    assert railway["startCommand"] == f'sh -c "{COMMAND}"'
    assert "command" not in COMPOSE["services"]["bot"]
    # Behind a proxy of the machine; systemd replaces the variable itself.
    own = COMMAND.removeprefix("exec ").replace("0.0.0.0", "127.0.0.1").replace("$PORT", "${PORT}")
    assert f"/.venv/bin/{own}\n" in (DEPLOY / "kalshiproto.service").read_text()


def test_every_volume_is_where_the_image_keeps_its_logs():
    places = [
        *(mount.split(":")[1] for mount in COMPOSE["services"]["bot"]["volumes"]),
        yaml.safe_load((DEPLOY / "render.yaml").read_text())["services"][0]["disk"]["mountPath"],
        re.findall(r'destination = "(.*)"', (DEPLOY / "fly.toml").read_text())[0],
    ]

    assert set(places) == {"/app/logs"}
    assert "install -d -o bot -g bot /app /app/logs" in DOCKERFILE
    # Railway refuses an image that declares one.
    assert not re.search(r"(?m)^VOLUME", DOCKERFILE)


def test_no_secret_and_no_state_goes_into_the_image():
    ignored = (ROOT / ".dockerignore").read_text().splitlines()

    assert "*" in ignored
    assert {line for line in ignored if line.startswith("!")} == {
        *("!main.py", "!logging_utils.py", "!requirements.txt", "!requirements-alerts.txt"),
        *("!api", "!bot", "!models"),
    }


@pytest.mark.parametrize(
    "file",
    ["Procfile", "Makefile", "Dockerfile", "railway.json", "run.ps1", "deploy/kalshiproto.service"],
)
def test_no_documented_start_needs_a_stdout(file, monkeypatch):
    starts = [one for one in (ROOT / file).read_text().splitlines() if "uvicorn main:app " in one]
    assert starts
    assert all("--no-use-colors" in one for one in starts)

    # As with `>&-`.
    monkeypatch.setattr(sys, "stdout", None)
    asked = uvicorn.main.make_context("uvicorn", ["main:app", "--no-use-colors"]).params
    DefaultFormatter(use_colors=asked["use_colors"])


def test_the_service_runs_as_nobody_on_a_file_system_it_cannot_change():
    bot = COMPOSE["services"]["bot"]

    assert DOCKERFILE.rstrip().endswith("USER 10001")
    assert bot["read_only"]
    assert bot["cap_drop"] == ["ALL"]


def test_nothing_of_compose_is_reached_from_elsewhere():
    ports = [port for service in COMPOSE["services"].values() for port in service.get("ports", ())]

    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_the_demo_of_windows_has_the_settings_of_make():
    script = (ROOT / "run.ps1").read_text()
    made = (ROOT / "Makefile").read_text().partition("\nDEMO := ")[2].partition("\n\n")[0]
    plain = dict(re.findall(r"(\w+)=\$\$\{\w+:-(.*?)\}", made)) | {"KALSHI_ENV": "sim"}
    windows = dict(re.findall(r"(?m)^    ([A-Z_]+) += '(.*)'$", script))

    assert {"BOT_INTERVAL", "BOT_ORDER_SIZE"} < plain.keys()
    assert windows == plain


def test_the_dockerfile_has_nothing_a_linter_objects_to():
    linter = Path(sysconfig.get_path("scripts")) / "hadolint"

    found = subprocess.run(
        [linter, ROOT / "Dockerfile"], capture_output=True, text=True, timeout=60, check=False
    )

    assert (found.stdout, found.returncode) == ("", 0)


@pytest.mark.parametrize(("broken", "returns"), [("", 0), ("\n    health_check: {}", 1)])
def test_compose_knows_every_key_of_its_file(broken, returns, tmp_path):
    told = (ROOT / "compose.yaml").read_text()
    (tmp_path / "compose.yaml").write_text(told.replace("    build: .", f"    build: .{broken}"))
    program = Path(sysconfig.get_path("scripts")) / "check-jsonschema"

    found = subprocess.run(
        [program, "--builtin-schema", "vendor.compose-spec", tmp_path / "compose.yaml"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert found.returncode == returns, found.stdout


def errors_of(node):
    """The places of a syntax tree that the grammar could not make sense of."""
    if node.is_error or node.is_missing:
        yield node.start_point
    for child in node.children:
        yield from errors_of(child)


@pytest.mark.parametrize(("broken", "right"), [("", True), ("if ($x { }", False)])
def test_the_script_for_windows_is_powershell(broken, right):
    grammar = Language(tree_sitter_powershell.language())
    script = (ROOT / "run.ps1").read_text().replace("exit $LASTEXITCODE", f"{broken}\nexit 0")

    assert (list(errors_of(Parser(grammar).parse(script.encode()).root_node)) == []) is right


def test_the_image_leaves_out_packages_by_names_that_are_required():
    dropped = re.findall(r"'\^\(([\w|]+)\)==", DOCKERFILE)[0].split("|")
    pins = (ROOT / "requirements.txt").read_text()

    assert all(f"\n{name}==" in pins for name in dropped)
