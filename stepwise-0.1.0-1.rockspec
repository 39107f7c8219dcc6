-- For luarocks make in a checkout. The libraries that configure asks for have to be there.
rockspec_format = "3.0"
package = "stepwise"
version = "0.1.0-1"
source = { url = "." }
description = {
  summary = "Experiments in fine-grained image-text matching: models of plugins, tensors, tables",
  license = "MIT",
}
dependencies = { "lua ~> 5.4" }
-- What make install brings lies in a folder of its own: LuaRocks takes lib and bin for its own use.
build = {
  type = "command",
  build_command = "mkdir -p .build-aux .m4 && autoreconf -fi && "
    .. "./configure --prefix='$(PREFIX)/installed' && make",
  install_command = "make install",
  install = { lib = { stepwise = ".libs/stepwise.so" }, bin = { "stepwise" } },
}
