# nnbench: documents' claims -> cells -> records -> verdicts -> report.
from snakemake.utils import min_version

min_version("9.0")


include: "workflow/rules/common.smk"
include: "workflow/rules/run.smk"
include: "workflow/rules/report.smk"


# seconds each, and a download needs a network: where Snakemake runs, also with a cluster
localrules:
    prepare,
    asked,
    look,
    aggregate,
    judge,
    report,


rule all:
    default_target: True
    input:
        # by name, so that a record that was lost is made again even under a finished report
        measured,
        rules.aggregate.output,
        REPORTS / "index.html",
        REPORTS / "README.md",
