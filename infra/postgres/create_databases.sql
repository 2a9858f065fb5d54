-- Run once, when the volume is empty. Dagster and MLflow migrate their own tables and must not meet in one database.
CREATE DATABASE dagster;
CREATE DATABASE mlflow;
