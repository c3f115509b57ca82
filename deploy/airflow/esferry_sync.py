"""Nightly sync of one ferry, by Airflow 3 (with its standard provider).

plan stops the night where something stands in the way; sync carries all since the
last run that ended, however many nights were missed (so catchup is of no use);
what follows runs only where something had changed.
"""

from datetime import datetime, timedelta

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG

ESFERRY = "esferry {command} --json --config /etc/esferry/search/ferry.yaml"

with DAG(
    dag_id="esferry_sync_search",
    schedule="15 2 * * *",
    start_date=datetime(2026, 11, 1),
    catchup=False,
    # Two runs of one ferry never overlap; a second one would exit with 11.
    max_active_runs=1,
    default_args={
        "env": {"CREDENTIALS_DIRECTORY": "/etc/esferry/search"},
        "append_env": True,
        # An interrupted run resumes, so another try costs little.
        "retries": 2,
        "retry_delay": timedelta(minutes=5),
    },
) as dag:
    plan = BashOperator(task_id="plan", bash_command=ESFERRY.format(command="plan"))
    sync = BashOperator(
        task_id="sync",
        bash_command=ESFERRY.format(command="sync --exit-code-unchanged 99"),
        # Nothing had changed: the task is skipped, and so is what follows.
        skip_on_exit_code=99,
    )
    changed = BashOperator(task_id="changed", bash_command="echo 'carried: what depends on it goes here'")
    plan >> sync >> changed
