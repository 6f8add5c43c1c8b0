"""Mutation testing: which change of the package would no test notice?"""
