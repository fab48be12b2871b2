"""`vostool download` from the command line."""

from __future__ import annotations

import pytest

from vostool.cli.main import main


def call(capsys, *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as caught:
        main(["download", *arguments])
    out, err = capsys.readouterr()
    return int(caught.value.code or 0), out, err


def test_list(capsys):
    code, out, _ = call(capsys, "--list")
    assert code == 0
    lines = out.splitlines()
    assert any(line.startswith("davis2017-trainval ") and " 833 MB " in line for line in lines)
    assert any(line.startswith("mose ") and " login " in line for line in lines)


def test_a_set_behind_a_login_is_explained(capsys, tmp_path):
    code, out, _ = call(capsys, "youtubevos2019", "--root", str(tmp_path / "d"))
    assert code == 0
    assert "youtubevos2019: needs a login" in out
    assert "get it from https://youtube-vos.org" in out
    assert f"{tmp_path}/d/YouTubeVOS/valid/meta.json" in out
    assert f"check-data --dataset youtubevos2019 --root {tmp_path}/d/YouTubeVOS" in out
    assert not (tmp_path / "d").exists()


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        (["davis2017trainval"], "did you mean davis2017-trainval?"),
        (["mose", "nonsense"], "no download is called 'nonsense'"),
        ([], "no data set was named"),
    ],
)
def test_wrong_names(capsys, names, sentence):
    code, out, err = call(capsys, *names)
    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    assert sentence in err
