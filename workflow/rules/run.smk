# What measures: each dataset prepared once, then batches of cells, one after the other in a job.


rule prepare:
    output:
        # update(): not removed before the job, since another pipeline may be reading it
        manifest=update(RESULTS / "data/{dataset}/manifest.json"),
    log:
        RESULTS / "data/{dataset}/log.txt",
    # before any cells: else the longest batches, which are to begin first, would wait for data that are prepared last
    priority: 10**6
    conda:
        "../envs/nnbench.yaml"
    resources:
        mem_mb=2000,
        runtime=20,
        # not params: a change of these is no reason to prepare again, and where Snakemake does, it forgets in that run
        # why any job behind ancient() is to run
        nnbench_planned=lambda wildcards: WORKFLOW.planned_data(
            str(RESULTS / "data" / wildcards.dataset)
        ),
        nnbench_data_folder=WORKFLOW.config.data_folder,
        nnbench_download="--download" if WORKFLOW.config.download else "",
    params:
        name=lambda wildcards: WORKFLOW.dataset_name(
            str(RESULTS / "data" / wildcards.dataset)
        ),
        folder=lambda wildcards, output: Path(output.manifest).parent,
    shell:
        "exec python3 -m nnbench prepare {params.name:q} {params.folder:q}"
        " --planned {resources.nnbench_planned:q}"
        " --data-folder {resources.nnbench_data_folder:q} {resources.nnbench_download} > {log:q} 2>&1"


rule cell:
    input:
        # prepared data are named by their content: a newer time stamp is no reason to train again
        data=lambda wildcards: ancient(WORKFLOW.batch(wildcards.batch).data),
    output:
        # the records are undeclared: Snakemake removes what it knows of a job that fails
        RESULTS / "batches/{batch}.done",
    log:
        RESULTS / "batches/{batch}.log",
    priority: lambda wildcards: WORKFLOW.batch(wildcards.batch).rank
    conda:
        "../envs/nnbench.yaml"
    threads: lambda wildcards: WORKFLOW.threads(wildcards.batch, OFFERED)
    resources:
        # of a cluster; --retries ask for more each time, and a checkpoint is gone on from
        mem_mb=lambda wildcards, attempt: attempt
        * WORKFLOW.batch(wildcards.batch).memory_mb,
        runtime=lambda wildcards, attempt: attempt
        * WORKFLOW.batch(wildcards.batch).runtime_minutes,
        gpu=WORKFLOW.gpus,
        # times are measured on a node of a cluster that runs nothing else
        slurm_extra=lambda wildcards: WORKFLOW.batch(wildcards.batch).slurm_extra,
        # not params: another device is no reason to train again (the record says which one it was)
        nnbench_device=WORKFLOW.config.device,
        nnbench_jobs_per_gpu=WORKFLOW.config.jobs_per_gpu,
        nnbench_cores=lambda wildcards: WORKFLOW.cores(wildcards.batch, OFFERED),
    params:
        batch=lambda wildcards: RESULTS / f"batches/{wildcards.batch}.json",
    shell:
        "exec python3 -m nnbench batch {params.batch:q}"
        " --device {resources.nnbench_device} --cores {resources.nnbench_cores}"
        " --jobs-per-gpu {resources.nnbench_jobs_per_gpu} >> {log:q} 2>&1"


# with `seeds: auto`: whether what is measured settles the claims; what takes more seeds is planned anew
checkpoint look:
    input:
        lambda wildcards: WORKFLOW.rounds.marks_before(wildcards.look),
    output:
        RESULTS / "looks/{look}.done",
    log:
        RESULTS / "looks/{look}.log",
    conda:
        "../envs/nnbench.yaml"
    resources:
        mem_mb=2000,
        runtime=20,
    params:
        config=WORKFLOW.config_json,
        started=WORKFLOW.started_json,
    shell:
        "python3 -m nnbench look --config {params.config:q}"
        " --started {params.started:q} > {log:q} 2>&1 && touch {output:q}"


# a cell that is asked for by name: its mark is written by its batch
rule asked:
    input:
        lambda wildcards: WORKFLOW.batch_of(
            wildcards.cell, workflow.dag_settings, OFFERED
        ),
    output:
        update(RESULTS / "cells/{cell}/seeds-{seeds}.done"),
