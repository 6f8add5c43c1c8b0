"""Mutation testing: find changes of the package that no test notices."""
