# What reads: records to tables, tables to verdicts, verdicts to the report. Nothing is trained here.


rule aggregate:
    input:
        WORKFLOW.records(),
        WORKFLOW.config.documents,
    output:
        RESULTS / "aggregate/measurements.csv",
        RESULTS / "aggregate/runs.csv",
        RESULTS / "aggregate/curves.csv",
        RESULTS / "aggregate/cells.json",
    log:
        RESULTS / "aggregate/aggregate.log",
    params:
        config=WORKFLOW.config_json,
        code=code_of("nnbench.aggregate"),
    resources:
        mem_mb=2000,
        runtime=20,
    shell:
        "exec {PYTHON} -m nnbench aggregate --config {params.config:q} > {log:q} 2>&1"


rule judge:
    input:
        rules.aggregate.output,
        WORKFLOW.config.documents,
    output:
        REPORTS / "results.json",
    log:
        RESULTS / "aggregate/judge.log",
    params:
        config=WORKFLOW.config_json,
        code=code_of("nnbench.judge"),
    resources:
        mem_mb=2000,
        runtime=20,
    shell:
        "exec {PYTHON} -m nnbench judge --config {params.config:q} > {log:q} 2>&1"


rule report:
    input:
        REPORTS / "results.json",
    output:
        REPORTS / "index.html",
        REPORTS / "README.md",
    log:
        RESULTS / "aggregate/report.log",
    params:
        config=WORKFLOW.config_json,
        code=code_of("nnbench.report"),
    resources:
        mem_mb=2000,
        runtime=20,
    shell:
        "exec {PYTHON} -m nnbench report --config {params.config:q} > {log:q} 2>&1"
