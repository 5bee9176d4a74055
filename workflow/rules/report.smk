# What reads: records to tables and to verdicts, verdicts to the report. Nothing is trained here.

# what is to be measured; what is measured already may have changed
RECORDS = [measured, lambda _: WORKFLOW.changed_records(), WORKFLOW.config.files]


rule aggregate:
    input:
        *RECORDS,
    output:
        TABLES / "measurements.csv",
        TABLES / "measurements.parquet",
        TABLES / "contexts.csv",
        TABLES / "contexts.parquet",
        TABLES / "candidates.csv",
        TABLES / "curves.csv",
        TABLES / "records.sha256",
    log:
        TABLES / "aggregate.log",
    conda:
        "../envs/nnbench.yaml"
    resources:
        mem_mb=2000,
        runtime=20,
    params:
        config=WORKFLOW.config_json,
        started=WORKFLOW.started_json,
        code=code_of("nnbench.verdicts.tables"),
    shell:
        "exec python3 -m nnbench aggregate --config {params.config:q}"
        " --started {params.started:q} > {log:q} 2>&1"


rule judge:
    input:
        *RECORDS,
    output:
        REPORTS / "results.json",
    log:
        TABLES / "judge.log",
    conda:
        "../envs/nnbench.yaml"
    resources:
        mem_mb=2000,
        runtime=20,
    params:
        config=WORKFLOW.config_json,
        started=WORKFLOW.started_json,
        code=code_of("nnbench.verdicts.judge"),
    shell:
        "exec python3 -m nnbench judge --config {params.config:q}"
        " --started {params.started:q} > {log:q} 2>&1"


rule report:
    input:
        REPORTS / "results.json",
    output:
        REPORTS / "index.html",
        REPORTS / "README.md",
    log:
        TABLES / "report.log",
    conda:
        "../envs/nnbench.yaml"
    resources:
        mem_mb=2000,
        runtime=20,
    params:
        config=WORKFLOW.config_json,
        code=code_of("nnbench.report.write"),
    shell:
        "exec python3 -m nnbench report --config {params.config:q} > {log:q} 2>&1"
