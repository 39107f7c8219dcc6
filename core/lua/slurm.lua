local M = {}
M.options = {
    { "slurm", nil, "submit the runs as Slurm job arrays, wait for them and collect the table" },
    { "partition", "NAME", "with --slurm: where they run" },
    { "sbatch", "ARGS", "with --slurm: more arguments of sbatch, with blanks between" },
}
return M
