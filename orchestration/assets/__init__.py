"""The Dagster assets of each stage: each calls one function of its stage."""
