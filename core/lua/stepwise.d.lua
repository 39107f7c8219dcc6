---@meta stepwise
-- Written by make reference.
-- luacheck: ignore

---@class stepwise
local stepwise = { statistics = {} }

---@class stepwise.tensors
local T = {}

---@class stepwise.session
local session = {}

---@class stepwise.config
local config = {}

---@class stepwise.trainer
local trainer = {}

---@class stepwise.tensor
---@operator add(any): stepwise.tensor
---@operator sub(any): stepwise.tensor
---@operator mul(any): stepwise.tensor
---@operator div(any): stepwise.tensor
---@operator unm(any): stepwise.tensor
---@operator pow(any): stepwise.tensor
local tensor = {}

---@class stepwise.model
local model = {}

--- `stage "PLUGIN" { OPTION = value, .. }`: an alignment stage; what it leaves out has its default, and so has all of stage "PLUGIN". score = false: computed for later stages, not added to the score.
---@param ... any
function stepwise.stage(...) end

--- `embedding "PLUGIN" { word_dim =, OPTION = value, .. }`: the word vectors, word_dim numbers per table.
---@param ... any
function stepwise.embedding(...) end

--- `fusion "PLUGIN" { OPTION = value, .. }`: for the option of a stage that takes a fusion, with which it is checked; its bare name says the same without options.
---@param ... any
function stepwise.fusion(...) end

--- `block "PLUGIN" { OPTION = value, .. }`: a block of an encoder, for model.image or model.text.
---@param ... any
function stepwise.block(...) end

--- `pool "PLUGIN" { OPTION = value, .. }`: a pooling, for model.pool = { image =, text = }.
---@param ... any
function stepwise.pool(...) end

--- `loss "PLUGIN" { weight =, OPTION = value, .. }`: for model.loss, one or a list of them, which are summed by their weights.
---@param ... any
function stepwise.loss(...) end

--- `experiment { name =, model = {..}, train = {..}, data = {..}, seed =, on_scenes = {..} }`: one model and how it is trained; `stepwise help keys` lists all keys. data.tests: as a table's tests. on_scenes: changes for when the data is the generated set, as key = value of the command line.
---@param ... any
function stepwise.experiment(...) end

--- `table { title =, base = an experiment, rows = {{ name =, CHANGES.., paper = }, ..}, reference =, note =, tests =, also = }`: an ablation. CHANGES: what a row changes of the base, as key = value of the command line, or as in an experiment's model: stages, image, text, pool, loss, embedding; a stage's option is ["l2l.lambda"] = 9. A row's base = an experiment: its model and training take the place of the table's base. reference: the name of the row that the others are compared with. paper: { text = { R@1, R@5, R@10 }, image = { .. }, rsum = } as printed, R@10 where there is one; with tests, { NAME = such a one, .. }; without, perhaps { DATA = such a one, .. }, on other data. { name =, ensemble = { NAMES of rows } }: the mean of similarities of their runs, seed by seed. { name =, cited = { i2t = { R@1, R@5, R@10 }, t2i = { .. }, source =, rsum = } }: numbers of others; with tests as paper. tests: { NAME = { split =, images =, folds = }, .. }, or a list of { name = NAME, .. }: each run is evaluated on all of them; what one leaves out is data.test_split, data.test_images, data.folds. also = "test_time": the table shows as well what each row's changes do to the base's checkpoint, switched off after it was trained.
---@param ... any
function stepwise.table(...) end

--- `ablation { title =, base = an experiment, parts = { NAME = CHANGES, .. }, design = "NAME", order = { NAMES }, reference =, note =, tests =, also = }`: a table whose rows follow from parts of the base. CHANGES: as of a table's row, what takes the part out: { ["g2g.score"] = false }, { stages = without "g2g" }, { fusion = "average" }; a key with a list of values, { ["l2l.lambda"] = { 4, 9 } }, is a part with a row per value. parts may also be a list of { name = NAME, CHANGES.. }, which has an order. design: one of these, or a list of several: leave_one_out, the base and each part out; add_one, all parts out and each alone; ladder, from all parts out to the base, in the order of the parts; pairs, leave_one_out and each two out; factorial, all combinations; path, from the base on, at each step the part out that is missed least by dev rsum. Rows of equal configs become one with both names; what cannot be composed is listed with the reason. Tables and reports show effects and interactions of the parts.
---@param ... any
function stepwise.ablation(...) end

--- `without("STAGE", ..)`: the value of `stages` that takes stages out of the base's.
---@param ... any
function stepwise.without(...) end

--- `load "FILE.lua"`: what the script beside this one returns, or the installed one of that name.
---@param ... any
function stepwise.load(...) end

--- `define_stage { name =, options =, parameters =, pooled =, prepare =, score =, doc = }`: an alignment stage in Lua, which is used by its name like a plugin's. options = { NAME = default, .. }: a number, true or false, a list of words to choose from, { fusion = NAME }, or { default, least =, most =, doc = }. parameters = { { "NAME", SIZE, .. }, .. }: sizes are numbers, "D" (the model's dim) or "2D"; init = "xavier" where none is given, "zero", "uniform" with bound =, or a number; frozen = true. prepare(b, options) computes once per batch what the tiles need and returns its inputs by name; pooled = true: it needs a model that pools, and b.image and b.text are its vectors; score(t, options, prepared) gives the scores of a tile's 16 pairs, (1,1,16). The verbs of b and t are in plugins/README.md. The functions see math, string, table and the numbers, texts and functions of the script that they refer to, which are constant. Returns the name.
---@param ... any
function stepwise.define_stage(...) end

--- `define_fusion { name =, options =, parameters =, prepare =, fuse =, doc = }`: a fusion in Lua, as define_stage; fuse(t, side, own, attended, options, prepared) gives the fused pair vectors.
---@param ... any
function stepwise.define_fusion(...) end

--- `define_block { name =, options =, parameters =, width =, encode =, doc = }`: a block of an encoder in Lua, as define_stage; encode(e, x, options) makes of the fragments x (N,W), a row for each, their rows (N,width). width = a number, "D", "W" or a multiple as "2D"; as wide as x where none is given. "W" is a size of parameters too.
---@param ... any
function stepwise.define_block(...) end

--- `define_pool { name =, options =, parameters =, pool =, doc = }`: a pooling in Lua, as define_stage; pool(e, x, options) makes of the fragments x (N,W) one row per image or caption, (G,P) of any width P. "W", the width of x, is a size of parameters too.
---@param ... any
function stepwise.define_pool(...) end

--- `define_loss { name =, options =, loss =, doc = }`: a loss in Lua, as define_stage; loss(b, options) gives one number, the sum over the batch, from b.scores (B,B), whose rows are the images and whose columns the captions of its pairs.
---@param ... any
function stepwise.define_loss(...) end

--- `session([{threads =, plugin_path =}])`: threads, operations and plugins; everything that computes is a method of one. threads 0 or none: one for each CPU; plugin_path: files and folders with ':' between that come before all others, "": no plugins.
---@param ... any
---@return stepwise.session
function stepwise.session(...) end

--- `dataset(dir, split [, vocab])`: {images =, captions =, regions =, features =, fingerprint =, has_boxes =} and, with a vocabulary file, {vocabulary =, longest =}. Everything is checked as a run would.
---@param dir any
---@param split any
---@param vocab? any
function stepwise.dataset(dir, split, vocab) end

--- `scenes(dir [, options])`: writes a generated data set to the folder `dir`, which is made when only its parent is there: {train,dev,test}_ims.npy (N,k,F) and _ims_bbx.npy (N,k,4) as float32, _caps.txt, _ids.txt, _objects.tsv (what is where), the words of its classes object_words.tsv, the word vectors scenes.glove.txt, and README.txt, which says that all of it is generated. The same options give the same bytes; they are those of scenes_defaults.
---@param dir any
---@param options? any
function stepwise.scenes(dir, options) end

--- `is_generated(dir)`: whether Stepwise generated the data there.
---@param dir any
function stepwise.is_generated(dir) end

--- `tokenize(line)`: its words in a list.
---@param line any
function stepwise.tokenize(line) end

--- `json_encode(value [, indent])`: keys are sorted, numbers have at most 15 digits.
---@param value any
---@param indent? any
function stepwise.json_encode(value, indent) end

--- `json_decode(text)`: a plain value; null is json_null.
---@param text any
function stepwise.json_decode(text) end

--- `json_array(table)`: marks it, so that an empty one is [] and not {}.
---@param table any
function stepwise.json_array(table) end

--- `near_miss(name, names)`: the one that was likely meant, or nil.
---@param name any
---@param names any
function stepwise.near_miss(name, names) end

--- `statistics.deviation(x)`: the sample's standard deviation (n - 1); nil for fewer than two numbers.
---@param x any
function stepwise.statistics.deviation(x) end

--- `statistics.holm(p)`: corrects p by Holm's step-down method: the chance that one of true null hypotheses is refused stays below 5 % when those with a corrected p below 0.05 are. Keys as in p; the order of p does not matter.
---@param p any
function stepwise.statistics.holm(p) end

--- `statistics.mean(x)`: of a list of one number or more.
---@param x any
function stepwise.statistics.mean(x) end

--- `statistics.paired(x, y)`: the paired t-test of x against y, which belong together by place: {mean, half, p, n}. `half` is half the width of the 95 % interval of the mean difference; it and p are nil for one pair.
---@param x any
---@param y any
function stepwise.statistics.paired(x, y) end

--- `statistics.seeds_needed(x, y)`: how many seeds each of two rows needs to tell a difference as large as that of x and y, lists of their values, from chance in four of five tries (two-sided 5 %, power 80 %): 2 (1.96 + 0.84)^2 (sd / difference)^2 with the deviation pooled over both; 2 at least. nil where there are fewer than two values of one, or no difference.
---@param x any
---@param y any
function stepwise.statistics.seeds_needed(x, y) end

--- `statistics.t_quantile(freedom, level)`: the t > 0 that |T| passes with probability 1 - level: at level 0.95 the 0.975 quantile.
---@param freedom any
---@param level any
function stepwise.statistics.t_quantile(freedom, level) end

--- `statistics.t_two_sided(t, freedom)`: P(|T| > t) for Student's T of `freedom` = 1, 2, .. degrees: the incomplete beta function I_x(freedom / 2, 1/2) at x = freedom / (freedom + t^2).
---@param t any
---@param freedom any
function stepwise.statistics.t_two_sided(t, freedom) end

--- `T.adam(parameters, {lr =, clip =})`: of a list of tensors, or of a model: optimiser.step([lr]) updates them and gives the norm of the gradient, optimiser.zero() clears the gradients. clip: the norm counts as at most this.
---@param ... any
---@return {step: function, zero: function}
function T.adam(...) end

--- `T.apply(op, args|nil, x, ..)`: the operation of that name; args: { i = whole numbers, f = numbers, p = a structure }, as `stepwise plugins --ops` says them
---@param ... any
---@return stepwise.tensor
function T.apply(...) end

--- `T.full(number, d1, ..)`: the same number everywhere.
---@param ... any
---@return stepwise.tensor
function T.full(...) end

--- `T.groups(list)`: how many rows each group has, end to end
---@param list any
function T.groups(list) end

--- `T.hinge(scores, {margin = 0.2, negatives = "hardest" or "all", images = of each pair, views = 1})`: eq. 17, (1); with images, pairs of the same image are no negatives; with views, so many pairs in succession are one sample, whose worst pair counts.
---@param ... any
---@return stepwise.tensor
function T.hinge(...) end

--- `T.ids(list)`: word ids from 0, as operations take them beside tensors: { p = ids }
---@param list any
function T.ids(list) end

--- `T.is_tensor(x)`: whether it is one
---@param x any
function T.is_tensor(x) end

--- `T.matmul(x, y)`: (N,K) by (K,M) -> (N,M)
---@param x any
---@param y any
---@return stepwise.tensor
function T.matmul(x, y) end

--- `T.mean(x)`: of all numbers, (1)
---@param x any
---@return stepwise.tensor
function T.mean(x) end

--- `T.no_grad(f, ..)`: the results of f(..), in which no operation forms a gradient
---@param ... any
function T.no_grad(...) end

--- `T.npy(path)`: the array of a .npy file, as float32.
---@param path any
---@return stepwise.tensor
function T.npy(path) end

--- `T.of(numbers)`: a tensor of a list of numbers, of lists of such lists, or of one number.
---@param numbers any
---@return stepwise.tensor
function T.of(numbers) end

--- `T.pairs_of(list)`: the image of each pair, from 0
---@param list any
function T.pairs_of(list) end

--- `T.parameter(x)`: the same numbers in a tensor that takes a gradient.
---@param x any
---@return stepwise.tensor
function T.parameter(x) end

--- `T.randn(seed, d1, ..)`: random numbers of mean 0 and deviation 1; a seed gives the same ones anywhere.
---@param ... any
---@return stepwise.tensor
function T.randn(...) end

--- `T.sgd(parameters, {lr =})`: the same by plain steps.
---@param ... any
---@return {step: function, zero: function}
function T.sgd(...) end

--- `T.sum(x)`: of all numbers, (1)
---@param x any
---@return stepwise.tensor
function T.sum(x) end

--- `T.use(session)`: its threads and the operations of its plugins compute from now on
---@param session any
function T.use(session) end

--- `T.xavier(seed, rows, columns)`: a parameter of U(-b, b), b = sqrt(6 / (rows + columns)).
---@param seed any
---@param rows any
---@param columns any
---@return stepwise.tensor
function T.xavier(seed, rows, columns) end

--- `T.zeros(d1, ..)`: zeros of that shape.
---@param ... any
---@return stepwise.tensor
function T.zeros(...) end

--- `session:add_plugin(file)`: loads one more, and gives what plugins() says of it.
---@param file any
function session:add_plugin(file) end

--- `session:bench(config, request)`: how long steps and an evaluation on random data take, for {features =, regions =, steps =, warmup =, profile =, images =, captions =, caption_words =}, beside the floor of their matrix products: the members of `stepwise bench --json`. Steps: batch, caption_words, step_s, encode_s, score_s, backward_s, update_s (medians; the loss counts to score), floor_s, floor_gflop, ratio = step_s / floor_s, gflops = floor_gflop / step_s, peak_rss_mb, flickr30k_epoch_h, coco_epoch_h, floor = a list of {part, gflop, s, way}; with warmup warmup_step_s, warmup_ratio, warmup_peak_rss_mb; with profile profile_step_s and profile = a list of {part, products_s, rest_s, waiting_s, share} that adds up to it, in seconds of all threads, divided by their number. An evaluation: eval_images, eval_captions, eval_encode_s, eval_score_s, eval_s, eval_floor_s, eval_floor_gflop, eval_ratio, eval_floor.
---@param config any
---@param request any
function session:bench(config, request) end

--- `session:bench_model(config, {features =, regions =, images =, captions =, caption_words =})`: the model on random data that session:bench times; see train/bench.h
---@param ... any
function session:bench_model(...) end

--- `session:check_products()`: the worst relative difference of BLAS products from plain sums over several shapes and all transposes, or nil and the shape where it is wrong.
function session:check_products() end

--- `session:checkpoint_config(path)`: the resolved config of a checkpoint, as a plain table.
---@param path any
function session:checkpoint_config(path) end

--- `session:close()`: what was made with it has to be closed first.
function session:close() end

--- `session:describe(config [, features, vocabulary])`: what the model is made of: config:whole().model with {features =, vocabulary =, assumed = whether Flickr30K's stand in for one of these two, parameters = {{name =, shape =, count =, trained =}..}, trained =, frozen =, total =}
---@param config any
---@param features? any
---@param vocabulary? any
function session:describe(config, features, vocabulary) end

--- `session:describe_checkpoint(path)`: the same of a checkpoint.
---@param path any
function session:describe_checkpoint(path) end

--- `session:evaluate(request)`: the metrics for {checkpoints = {..}, data =, split =, vocab =, images =, folds =, sims =, all_dev_captions =, precaps =, ranks = the file that takes the rank of every query, changes = a list of "key=value" of the model that leave parameters as they are}, and coverage = a list of each checkpoint's (data/coverage.h).
---@param request any
function session:evaluate(request) end

--- `session:explain(request)`: where it looks, for {checkpoint =, data =, split =, images =, vocab =, precaps =, image =, caption = or text =}; image is a name or a number, caption (0 when there is no text) one of its own. Gives {image =, id = its name or nil, caption =, text =, words = with <start> and <end>, unknown = those that count as <unk>, regions = k, boxes = nil or a list of {x1, y1, x2, y2}, false for one that is none, score =, maps =, warnings = why names or boxes are not in use}. A map is what a stage shows, {name =, kind =, rows =, columns =, weights = rows of numbers}; its kind is "word" (n,k): where each word looks; "region" (k,n): which words each region looks at; "context" (1,k) or "context_words" (1,n): where one vector looks; or "other".
---@param request any
function session:explain(request) end

--- `session:explain_captions(request)`: a list of the same for all captions of `count` images (1) from number `first` (0) on; empty behind the last. For {checkpoint =, data =, split =, images =, vocab =, precaps =, first =, count =}.
---@param request any
function session:explain_captions(request) end

--- `session:find(request)`: ranks images for a sentence or captions for an image, for {checkpoint =, data =, split =, images =, vocab =, precaps =, text = or image =, top =, first =, count =}; first and count: only those images and their captions, as within a fold. Gives {ranks = "images" or "captions", among = how many, text =, words =, unknown = (of a sentence), image =, id = (of an image), results = the top best, own = what the data hold to belong together, wherever it ranks, warnings =}. A result is {rank = from 1, score =, image =, id =, caption = number of the image's own, text =, index = of the image or caption in the split, own =}. Of equal scores the higher index comes first.
---@param request any
function session:find(request) end

--- `session:gradcheck(op)`: how far its gradient is from the numeric one, or nil and what is wrong.
---@param op any
function session:gradcheck(op) end

--- `session:gradients{checkpoint =, data =, split =, vocab =, batch =, out =}`: the summed loss on the first `batch` images, each with its first caption; the gradient of every trained parameter goes to the safetensors file `out`.
---@param ... any
function session:gradients(...) end

--- `session:model(config [, checkpoint])`: the model of a config with its data, as a run has it before its first step, or with the parameters of a checkpoint, whose vocab.json stands beside it
---@param config any
---@param checkpoint? any
---@return stepwise.model
function session:model(config, checkpoint) end

--- `session:needs_glove(config)`: whether its embedding starts from a GloVe file.
---@param config any
function session:needs_glove(config) end

--- `session:ops()`: all operations, the core's and the plugins', sorted by name.
function session:ops() end

--- `session:origin(name [, kind])`: {name, version, hash, file} of the plugin that brought it, or nil; without a kind, of the first kind that has the name.
---@param name any
---@param kind? any
function session:origin(name, kind) end

--- `session:part(kind, name)`: {name, doc, options} of a stage, fusion, embedding, block, pool or loss; an error has the near miss.
---@param kind any
---@param name any
function session:part(kind, name) end

--- `session:plugins()`: a list, the refused and the hidden ones with a reason and nothing else than their file; hidden = true: an earlier one has its names.
function session:plugins() end

--- `session:resolve(given)`: the config of `given`, a plain table or nil, with every default filled in and every key checked.
---@param given any
---@return stepwise.config
function session:resolve(given) end

--- `session:search(request)`: for the same request, the results of find as a list of { index =, id =, score =, caption = its text, .. }; id and caption are nil where there is none.
---@param request any
function session:search(request) end

--- `session:sources(config [, known])`: the fingerprints of the data it reads, all splits of which are opened and have to fit. known: a list of stamps; all values of the splits that are not among them are read, and the stamps of all are the second result.
---@param config any
---@param known? any
function session:sources(config, known) end

--- `session:threads()`: how many, and the name of the vector kernels
function session:threads() end

--- `session:time_products(n)`: seconds of one (n,n) x (n,n) product on all threads, the best of three.
---@param n any
function session:time_products(n) end

--- `session:train(config, run [, {resume =, keep_state =, keep_ranks =, command =, id =, known = a list of stamps}])`: a trainer that writes to the run folder `run`, made by this call unless it resumes one; nothing is trained yet. keep_state: the state stays when the run is done, for more epochs. keep_ranks: the ranks of every dev evaluation stay. A run that is resumed may end elsewhere than it was to.
---@param ... any
---@return stepwise.trainer
function session:train(...) end

--- `session:try(config)`: raises what is wrong with the order of its stages, else gives whether the trial came to its end (train/inspect.h). For a session of one thread.
---@param config any
function session:try(config) end

--- `session:verify(config)`: what has to hold of its model (match/verify.h), a list of {what, worst, most, where}; raises what keeps it from running.
---@param config any
function session:verify(config) end

--- `session:words(config [, vocab])`: how much of the train captions the vocabulary (that of a run, when it is named) and the GloVe file, where the config names one, cover, as in provenance.json. Everything is opened and checked as a run would.
---@param config any
---@param vocab? any
function session:words(config, vocab) end

--- `config:close()`: for `local config <close> = ..`; nothing has to be released.
function config:close() end

--- `config:copy()`: another config, which changes by itself.
function config:copy() end

--- `config:difference(other)`: the first of them, or nil.
---@param other any
function config:difference(other) end

--- `config:differences(other)`: the keys in which two configs decide other numbers, each with both values: a list of texts.
---@param other any
function config:differences(other) end

--- `config:hash(more, any_end)`: 32 hex digits of what decides a run's numbers. `more` is hashed as well: what stands behind the paths, and the plugins' hashes. any_end: without where the run ends.
---@param more any
---@param any_end any
function config:hash(more, any_end) end

--- `config:hashed()`: what is hashed: the same without what was added later and says nothing, so that the hashes of runs that were made before these keys were there stay as they are.
function config:hashed() end

--- `config:id(data, plugins)`: the id of a run: its config, its data and its plugins (run/identity.lua).
---@param data any
---@param plugins any
function config:id(data, plugins) end

--- `config:origins()`: the plugins it uses, each once, also those that stand for what it does not name: a list of session:origin. What the config defines itself is none.
function config:origins() end

--- `config:override(assignment)`: applies "key=value"; gives the config itself; after an error it is as it was. Keys: a dotted path ("train.lr", "model.dim", "model.embedding.plugin"), a path's last word where that is clear ("lr", "dim", "train_images"), "embedding" and "word_dim", "fusion" (of every stage that fuses), "stages", "image", "text" and "loss" (names with ',' between; what was there keeps its options; "-NAME" takes one out), "second" (none) and "second.image.file", ".width", "second.text.alone", "pool" (of both sides; none: no pooling) and "pool.image", "pool.text", and an option of what the model has: "STAGE.lambda", "STAGE.score", "STAGE.fusion", "STAGE.fusion.NAME", "embedding.NAME", "image.BLOCK.NAME", "text.BLOCK.NAME", "pool.image.NAME", "loss.LOSS.NAME", "loss.LOSS.weight". The second stage, block or loss of a plugin is PLUGIN_2.
---@param assignment any
function config:override(assignment) end

--- `config:plugins()`: {NAME = hash} of the plugins it uses.
function config:plugins() end

--- `config:portable()`: without what belongs to one machine or one user (name, threads, paths, how often state is saved): what decides a run's numbers.
function config:portable() end

--- `config:portable_text()`: JSON of portable() on one line.
function config:portable_text() end

--- `config:require_heard(assignments)`: fails with the first of them that is unheard, and where the losses do not fit train.views.
---@param assignments any
function config:require_heard(assignments) end

--- `config:same_but_end(other)`: whether two configs differ at most in where the run ends.
---@param other any
function config:same_but_end(other) end

--- `config:set_tests(list)`: sets data.tests, a list that is checked.
---@param list any
function config:set_tests(list) end

--- `config:sources(known)`: the fingerprints of the data that it reads, all splits of which are opened and have to fit. known: a list of stamps; all values of the splits that are not among them are read, and the stamps of all are the second result.
---@param known any
function config:sources(known) end

--- `config:table()`: a plain table of it, of the caller's own: as it is written to files, without the lists of a model that are the default.
function config:table() end

--- `config:take_data(other)`: has the data of another config, and its seed.
---@param other any
function config:take_data(other) end

--- `config:text(indent)`: JSON with the keys in their order.
---@param indent any
function config:text(indent) end

--- `config:unheard(assignment)`: why the assignment changes nothing: it sets a key of train that options of losses are one with, and no loss of this model has such an option; nil where it counts.
---@param assignment any
function config:unheard(assignment) end

--- `config:whole()`: a plain table in which nothing is left out: every list of the model, what each stage's parameters are named after as `prefix`, and every option of the losses.
function config:whole() end

--- `config:whole_text()`: JSON of whole() on one line: what C reads.
function config:whole_text() end

--- `trainer:close()`: does not save; what the run folder holds stays good.
function trainer:close() end

--- `trainer:config()`: the run's config, as a plain table.
function trainer:config() end

--- `trainer:inputs()`: {has_test = (nil where the run was done before), check_seconds = how long reading all values took}
function trainer:inputs() end

--- `trainer:next()`: one step or evaluation; an event {kind =, step =, total_steps =, epoch = from 0, epochs =, step_in_epoch = from 1, steps_in_epoch =, seconds = of this event, ..}. kind "step" has samples, touched (the share of its images and captions that take a gradient), loss (summed over the batch), loss_per_sample, grad_norm (before clipping), lr, exchanged (bytes that this process sent and received, one of several), samples_per_second, data_seconds; "evaluated" has dev (the metrics) and best; "warning" has text; "done" has dev, test, best_step, best_epoch, total_seconds. {kind = "interrupted"}: a signal ended it early; the trainer can be saved and closed.
function trainer:next() end

--- `trainer:path()`: the run folder's.
function trainer:path() end

--- `trainer:save()`: writes all that is needed to resume.
function trainer:save() end

--- `trainer:words()`: what its vocabulary and vectors cover, as in provenance.json; nil for a run that was done before.
function trainer:words() end

--- `tensor:add_(scale, y)`: x becomes x + scale * y, in place.
---@param scale any
---@param y any
function tensor:add_(scale, y) end

--- `tensor:add_scaled(session, scale, other)`: adds scale * other, in place
---@param session any
---@param scale any
---@param other any
function tensor:add_scaled(session, scale, other) end

--- `tensor:assign(list)`: all of its numbers, in their order
---@param list any
function tensor:assign(list) end

--- `tensor:backward([gradient])`: adds to the gradient of every parameter that x was computed from; gradient: that of x, 1 where none is given.
---@param gradient? any
function tensor:backward(gradient) end

--- `tensor:clear_gradient()`: it is zero again
function tensor:clear_gradient() end

--- `tensor:copy(other)`: takes the numbers of one of the same count
---@param other any
function tensor:copy(other) end

--- `tensor:count()`: how many numbers it has
function tensor:count() end

--- `tensor:draw(seed, index, scale [, uniform])`: random numbers of that seed's stream `index`, of mean 0 and deviation `scale`; uniform: from -scale to scale
---@param seed any
---@param index any
---@param scale any
---@param uniform? any
function tensor:draw(seed, index, scale, uniform) end

--- `tensor:fill(number)`: every number becomes this one
---@param number any
function tensor:fill(number) end

--- `tensor:get(i)`: its i-th number, counted from 1 through all dimensions
---@param i any
function tensor:get(i) end

--- `tensor:gradient()`: the gradient as a tensor that shares it; nil where none is formed
function tensor:gradient() end

--- `tensor:item()`: the number of a tensor of one.
function tensor:item() end

--- `tensor:list()`: all of its numbers, in their order
function tensor:list() end

--- `tensor:reshape(d1, ..)`: the same numbers, and gradient, under another shape of the same count.
---@param ... any
---@return stepwise.tensor
function tensor:reshape(...) end

--- `tensor:rows(first, last)`: rows first to last, counted from 1; they share their numbers with x.
---@param first any
---@param last any
---@return stepwise.tensor
function tensor:rows(first, last) end

--- `tensor:save(path)`: as a float32 .npy file, whole or not at all
---@param path any
function tensor:save(path) end

--- `tensor:seed_gradient(tensor|number)`: its gradient becomes this
---@param ... any
function tensor:seed_gradient(...) end

--- `tensor:set(i, number)`
---@param i any
---@param number any
function tensor:set(i, number) end

--- `tensor:shape()`: its dimensions, as so many results
function tensor:shape() end

--- `tensor:sources()`: what its gradient goes on to: a list of tensors, nil of a leaf; and whether it shares its gradient with that tensor
function tensor:sources() end

--- `tensor:step_back()`: adds to the gradients of its sources.
function tensor:step_back() end

--- `tensor:table()`: nested lists, as `of` takes them.
function tensor:table() end

--- `tensor:window(first, shape)`: the numbers from `first` on (0 is the first) as a tensor of that shape that shares them, and their gradient.
---@param first any
---@param shape any
function tensor:window(first, shape) end

--- `model:attention(model, of)`: attention{image = number, caption = number, split =}: what the stages show of the pair, {[name] = weights (rows,columns)}
---@param model any
---@param of any
function model:attention(model, of) end

--- `model:batch_loss(epoch)`: the model's losses, (1), summed over the batch
---@param epoch any
function model:batch_loss(epoch) end

--- `model:batch_scores()`: s (B,B) of the batch: images are rows, captions columns
function model:batch_scores() end

--- `model:begin(split, captions, training, step)`: encodes a batch: these captions, each with its image. What an earlier batch gave has no gradient any longer.
---@param split any
---@param captions any
---@param training any
---@param step any
function model:begin(split, captions, training, step) end

--- `model:close()`: its weights and batches cannot be used any longer
function model:close() end

--- `model:encode(model, of)`: encode{image = number} or encode{caption = number}, split =: the regions (k,D) of an image, or the words (n,D) of a caption, as the encoders leave them
---@param model any
---@param of any
---@return stepwise.tensor
function model:encode(model, of) end

--- `model:fragments(split, first image, 1, 0, 0)`: or (split, 0, 0, caption, 1): the regions (k,D) of an image, the words (n,D) of a caption
---@param ... any
function model:fragments(...) end

--- `model:images()`: the image of each pair of the batch, from 0
function model:images() end

--- `model:loss(captions [, {epoch =, split =, training =, step =}])`: the losses of the config, (1), summed over such a batch; epoch: from 0
---@param ... any
---@return stepwise.tensor
function model:loss(...) end

--- `model:matrix(split, first image, images, first caption, captions)`: their scores (I,C)
---@param ... any
function model:matrix(...) end

--- `model:order(epoch)`: the train captions in the order in which a run takes them, from 0; the first epoch is 0
---@param epoch any
function model:order(epoch) end

--- `model:parameter(i)`: the i-th one's name, and the tensor itself, which shares its numbers; nil behind the last
---@param i any
function model:parameter(i) end

--- `model:parameters()`: the trained ones as a list of tensors, and a list of their names
---@return stepwise.tensor[]
function model:parameters() end

--- `model:scores(captions [, {split =, training =, step =}])`: s (B,B) of a batch, these captions (columns) each with its image (rows), with gradients; training = false: without dropout; step: of the run, for its random numbers. Its backward comes before the next batch.
---@param ... any
---@return stepwise.tensor
function model:scores(...) end

--- `model:shown(split, image, 1, caption, 1)`: the weights that the stages show of the pair, by name: {[name] = (rows, columns)}
---@param ... any
function model:shown(...) end

--- `model:similarities([{split =, images = {first, last}, captions = {first, last}}])`: scores (I,C) of all pairs of these, or of the whole split (dev where none is named), without gradients
---@param ... any
---@return stepwise.tensor
function model:similarities(...) end

--- `model:sizes(split)`: images and captions
---@param split any
function model:sizes(split) end

return stepwise
