// `deeprec`: from a log of events to recommendations, a server and a page, without a line of code. See docs/program.md.
#include <cstdio>
#include <exception>
#include <string>

#include <CLI/CLI.hpp>

#include "program.hpp"

namespace {
// One line of a terminal.
int fail(const char* what, int code) {
    std::string line(what);
    for (char& c : line)
        if (c == '\n' || c == '\r') c = ' ';
    std::fprintf(stderr, "deeprec: %s\n", line.c_str());
    return code;
}
}  // namespace

// 0: done; 1: it could not be done; 2: the arguments have no meaning; 130: stopped by a signal.
int main(int argc, char** argv) {
    CLI::App app("Recommendations from a log of events: prepare, train, evaluate, recommend, serve.", "deeprec");
    app.require_subcommand(1);
    app.fallthrough();
    app.option_defaults()->always_capture_default();
    app.set_version_flag("--version", std::string(deeprec::version));
    app.set_config("--config", "", "a TOML file with options, as --write-config of a command writes it");
    app.allow_config_extras(CLI::config_extras_mode::error);
    app.footer(
        "Each command has its own --help. The way from a log to a page:\n"
        "  deeprec prepare events.csv --items items.csv -o data.deeprec\n"
        "  deeprec train data.deeprec -o shop.deeprec\n"
        "  deeprec serve shop.deeprec");
    program::add_prepare(app);
    program::add_train(app);
    program::add_evaluate(app);
    program::add_recommend(app);
    program::add_similar(app);
    program::add_explain(app);
    program::add_batch(app);
    program::add_report(app);
    program::add_serve(app);
    program::add_grow(app);
    program::add_export(app);
    program::add_verify(app);
    for (int i = 0; i < argc; ++i) program::command_line += (i == 0 ? "" : " ") + std::string(argv[i]);
    try {
        app.parse(argc, argv);
        return 0;
    } catch (const CLI::ConfigError& error) {
        std::string what = error.what();
        if (const std::string said = "INI was not able to parse"; what.rfind(said, 0) == 0)
            what.replace(0, said.size(), "there is no option");
        return fail(("--config: " + what).c_str(), 2);
    } catch (const CLI::ParseError& error) {
        if (error.get_exit_code() == 0) return app.exit(error);  // --help, --version
        return fail((std::string(error.what()) +
                     "; deeprec --help lists the commands, deeprec COMMAND --help the options of one")
                        .c_str(),
                    2);
    } catch (const program::Stopped&) {
        return 130;
    } catch (const std::exception& error) {
        return fail(error.what(), 1);
    }
}
