"""Functions and classes out of the Python sources in a wheel, by name, without what the wheel needs to
be imported: compiled parts, and dozens of packages."""

import __future__

import ast
import pathlib
import types
import zipfile


class Definitions:
    """What was taken, in one namespace, with the stand-ins that it is given."""

    def __init__(self, folder, package, **stand_ins):
        wheel = next(iter(sorted(pathlib.Path(folder).glob(f"{package}-*.whl"))), None)
        if wheel is None:
            raise FileNotFoundError(f"no wheel in {folder}")
        self.version = f"{package} {wheel.name.split('-')[1]}"
        self._wheel = zipfile.ZipFile(wheel)
        self._package = package
        self.space = {"__name__": f"{package}_definitions", **stand_ins}

    def take(self, path, *names):
        """Without decorators of functions, and without imports inside of them."""
        tree = ast.parse(self._wheel.read(f"{self._package}/{path}"))
        found = [node for node in tree.body if getattr(node, "name", None) in names]
        assert len(found) == len(names), (path, names)
        for node in found:
            if isinstance(node, ast.FunctionDef):
                node.decorator_list = []
                node.body = [line for line in node.body if not isinstance(line, ast.ImportFrom)]
        flags = __future__.annotations.compiler_flag  # annotations stay text
        exec(compile(ast.Module(found, []), path, "exec", flags=flags), self.space)

    def names(self):
        return types.SimpleNamespace(**self.space)
