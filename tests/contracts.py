"""The import contract that import-linter does not bring: a package is entered by its face."""

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output


class FacesContract(Contract):
    """The modules of `packages` are imported from within their package only; others import the package itself."""

    type_name = "faces"
    packages = fields.ListField(subfield=fields.StringField())

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        """Every import of a module of a package by one that stands outside of it, also for types alone."""
        past = [
            (importer, module)
            for package in self.packages  # type: ignore[attr-defined]
            for module in sorted(graph.find_descendants(package))
            for importer in sorted(graph.find_modules_that_directly_import(module))
            if importer != package and not importer.startswith(f"{package}.")
        ]
        return ContractCheck(kept=not past, metadata={"past": past})

    def render_broken_contract(self, check: ContractCheck) -> None:
        """Who imports what past which face."""
        for importer, module in check.metadata["past"]:
            output.print_error(f"{importer} imports {module}: import it from {module.rpartition('.')[0]}.")
