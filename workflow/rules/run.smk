# What measures: each dataset prepared once, then one job per cell.


rule prepare:
    output:
        # update(): not removed before the job, since another pipeline may be reading it
        manifest=update(RESULTS / "data/{dataset}/manifest.json"),
    log:
        RESULTS / "data/{dataset}/log.txt",
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
        data=lambda wildcards: ancient(WORKFLOW.cell_data(wildcards.cell)),
    output:
        # the records lie beside it, undeclared: Snakemake removes what it knows of a job that fails
        RESULTS / "cells/{cell}/seeds-{seeds}.done",
    log:
        RESULTS / "cells/{cell}/seeds-{seeds}.log",
    priority: lambda wildcards: WORKFLOW.rank(wildcards.cell)
    conda:
        "../envs/nnbench.yaml"
    threads: lambda wildcards: WORKFLOW.threads(wildcards.cell, OFFERED)
    resources:
        # of a cluster; --retries ask for more each time, and a checkpoint is gone on from
        mem_mb=lambda wildcards, attempt: attempt * WORKFLOW.memory_mb(wildcards.cell),
        runtime=lambda wildcards, attempt: attempt
        * WORKFLOW.runtime_minutes(wildcards.cell),
        gpu=WORKFLOW.gpus,
        # times are measured on a node of a cluster that runs nothing else
        slurm_extra=lambda wildcards: WORKFLOW.slurm_extra(wildcards.cell),
        # not params: another device is no reason to train again (the record says which one it was)
        nnbench_device=WORKFLOW.config.device,
        nnbench_jobs_per_gpu=WORKFLOW.config.jobs_per_gpu,
        nnbench_cores=lambda wildcards: WORKFLOW.cores(wildcards.cell, OFFERED),
    params:
        cell=lambda wildcards: WORKFLOW.cell_json(wildcards.cell),
        results=RESULTS,
    shell:
        "exec python3 -m nnbench run {params.cell:q} --seeds {wildcards.seeds}"
        " --results {params.results:q} --data {input.data:q}"
        " --device {resources.nnbench_device} --cores {resources.nnbench_cores}"
        " --jobs-per-gpu {resources.nnbench_jobs_per_gpu}"
        " --reuse --end-with-parent > {log:q} 2>&1"
