#include <deeprec/optimizers/schedules.hpp>
#include <deeprec/training/learning_rate.hpp>

#include <string>
#include <vector>

#include "support/oracle.hpp"

using namespace deeprec;

TEST_CASE("Schedules agree with Keras and PyTorch", "[oracle][optimizers]") {
    oracle::run("schedules", "lr_schedule", []<class T>(oracle::Case<T>& c) {
        const oracle::Config& o = c.config;
        const std::string name = o["name"];
        const auto compare = [&](const auto& schedule) {
            std::vector<double> rates;
            for (Index t = 0; t < c.shape("out/lr")[0]; ++t) rates.push_back(schedule.rate(t));
            c.close_values("out/lr", rates.data(), static_cast<Index>(rates.size()));
        };
        if (name == "ExponentialDecay")
            compare(ExponentialDecay{o["initial_learning_rate"], o["decay_steps"], o["decay_rate"], o["staircase"]});
        else if (name == "StepLR")
            compare(ExponentialDecay{o["lr"], o["step_size"], o["gamma"], true});
        else if (name == "ExponentialLR")
            compare(ExponentialDecay{o["lr"], 1, o["gamma"], false});
        else if (name == "InverseTimeDecay")
            compare(InverseTimeDecay{o["initial_learning_rate"], o["decay_steps"], o["decay_rate"], o["staircase"]});
        else if (name == "PolynomialDecay")
            compare(PolynomialDecay{o["initial_learning_rate"], o["decay_steps"], o["end_learning_rate"], o["power"],
                                    o["cycle"]});
        else if (name == "LinearLR")
            compare(PolynomialDecay{o["lr"].get<double>() * o["start_factor"].get<double>(), o["total_iters"],
                                    o["lr"].get<double>() * o["end_factor"].get<double>(), 1, false});
        else if (name == "PiecewiseConstantDecay")
            compare(PiecewiseConstantDecay{o["boundaries"], o["values"]});
        else if (name == "MultiStepLR") {
            PiecewiseConstantDecay steps{{}, {o["lr"]}};
            for (const Index milestone : o["milestones"]) {
                steps.boundaries.push_back(milestone - 1);
                steps.values.push_back(steps.values.back() * o["gamma"].get<double>());
            }
            compare(steps);
        } else if (name == "CosineDecay") {
            CosineDecay cosine{o["initial_learning_rate"], o["decay_steps"], o["alpha"]};
            if (o.contains("warmup_target")) cosine.warmup_target = o["warmup_target"];
            cosine.warmup_steps = o.value("warmup_steps", Index(0));
            compare(cosine);
        } else if (name == "CosineDecayRestarts")
            compare(CosineDecayRestarts{o["initial_learning_rate"], o["first_decay_steps"], o["t_mul"], o["m_mul"],
                                        o["alpha"]});
        else if (name == "CosineAnnealingWarmRestarts")
            compare(CosineDecayRestarts{o["lr"], o["T_0"], o["T_mult"], 1,
                                        o["eta_min"].get<double>() / o["lr"].get<double>()});
        else if (name == "CosineAnnealingLR")
            compare(CosineAnnealing{o["lr"], o["T_max"], o["eta_min"]});
        else if (name == "WarmupCosine")
            compare(Warmup{o["warmup"].get<Index>(), o["start_factor"].get<double>(),
                           CosineAnnealing{o["lr"], o["T_max"], 0}});
        else if (name == "OneCycleLR")
            compare(OneCycle{o["max_lr"], o["total_steps"], o["pct_start"],
                             o["anneal_strategy"] == "cos" ? OneCycle::Anneal::cosine : OneCycle::Anneal::straight,
                             o["div_factor"], o["final_div_factor"]});
        else if (name == "noam")
            compare(Noam{o["d_model"], o["warmup"], 1});
        else if (name == "ReduceLROnPlateau") {
            o.require("threshold_mode", "rel");
            ReduceLROnPlateau plateau{.factor = o["factor"],
                                      .patience = o["patience"].get<long>() + 1,
                                      .mode = o["mode"] == "min" ? MonitorMode::min : MonitorMode::max,
                                      .min_delta = o["threshold"],
                                      .relative = true,
                                      .cooldown = o["cooldown"].get<long>() + 1,
                                      .min_lr = o["min_lr"]};
            std::vector<double> rates{o["lr"].get<double>()};
            for (const double figure : c.template values<double>("in/metric"))
                rates.push_back(plateau.next(rates.back(), figure));
            c.close_values("out/lr", rates.data(), c.shape("out/lr")[0]);
        } else
            throw oracle::NotApplicable{"schedule " + name};
    });
}
