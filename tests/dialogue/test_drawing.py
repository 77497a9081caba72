from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from pathlib import Path

from click.testing import CliRunner

from ivr.cli.flow import flow as flow_command
from ivr.dialogue.flow import Flow
from ivr.dialogue.flow_diff import differences
from ivr.dialogue.flow_drawing import layout, mermaid, svg
from tests.dialogue.talking import BANK

FLOW = Flow.load(BANK)
SVG = "{http://www.w3.org/2000/svg}"


def test_the_picture_shows_every_node_and_every_way() -> None:
    root = ElementTree.fromstring(svg(FLOW))
    texts = {text.text for text in root.iter(f"{SVG}text")}
    assert set(FLOW.nodes) <= texts
    pairs = {(edge.source, edge.target) for edge in FLOW.edges}
    arrows = [path for path in root.iter(f"{SVG}path") if path.get("marker-end")]
    assert len(arrows) == len(pairs)


def test_no_two_nodes_stand_in_one_place() -> None:
    places = layout(FLOW)
    assert set(places) == set(FLOW.nodes)
    assert len(set(places.values())) == len(places)
    assert places[FLOW.entry_language_unknown].y < places["say_balance"].y


def test_mermaid_has_every_edge() -> None:
    lines = mermaid(FLOW).splitlines()
    assert lines[0] == "flowchart TD"
    assert sum("-->" in line for line in lines) == len(FLOW.edges)


def test_graph_writes_a_file(tmp_path: Path) -> None:
    out = tmp_path / "bank.svg"
    result = CliRunner().invoke(flow_command, ["graph", str(BANK), "--out", str(out)])
    assert result.exit_code == 0
    assert ElementTree.fromstring(out.read_text()).tag == f"{SVG}svg"


def changed(tmp_path: Path) -> Path:
    document = json.loads(BANK.read_text())
    document["templates"]["welcome"]["en"] = "Hello."
    nodes = document["nodes"]
    welcome = next(node for node in nodes if node["id"] == "welcome")
    welcome["next"] = "hello"
    hello = {"id": "hello", "type": "response", "config": {"prompt": "welcome"}, "next": "main"}
    nodes.append(hello)
    path = tmp_path / "bank.json"
    path.write_text(json.dumps(document))
    (tmp_path / "bank.es.json").write_text((BANK.parent / "bank.es.json").read_text())
    return path


def test_a_difference_is_told_in_terms_of_the_flow(tmp_path: Path) -> None:
    found = {(one.change, one.what) for one in differences(FLOW, Flow.load(changed(tmp_path)))}
    assert found == {
        ("changed", "node welcome: way done"),
        ("added", "node hello"),
        ("changed", "text welcome (en)"),
    }


def test_diff_says_so_by_its_exit_status(tmp_path: Path) -> None:
    same = CliRunner().invoke(flow_command, ["diff", str(BANK), str(BANK)])
    assert (same.exit_code, same.output) == (0, "")
    other = CliRunner().invoke(flow_command, ["diff", str(BANK), str(changed(tmp_path))])
    assert other.exit_code == 1
    assert "+ node hello" in other.output
