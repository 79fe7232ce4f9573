"""The population from SCB, Statistics Sweden: the one part of sobstat that asks another server for anything.

population.py  the story: ask, check, write the files of an extract
params.py      params/scb.yml: which tables have which years, and how they write things
calls.py       calls to a server: paced, repeated where that may help
interface.py   PxWebApi 2 and its predecessor: limits, what a table holds, its figures
json_stat.py   the form of the answers
questions.py   what to ask a table for, and what its answers mean
totals.py      whether totals and parts agree
"""
