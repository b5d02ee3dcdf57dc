/// The room optimizers/: all optimizers, schedules and clipping.
#pragma once

#include <deeprec/optimizers/adadelta.hpp>
#include <deeprec/optimizers/adagrad.hpp>
#include <deeprec/optimizers/adam.hpp>
#include <deeprec/optimizers/adamax.hpp>
#include <deeprec/optimizers/adamw.hpp>
#include <deeprec/optimizers/clipping.hpp>
#include <deeprec/optimizers/ftrl.hpp>
#include <deeprec/optimizers/lion.hpp>
#include <deeprec/optimizers/nadam.hpp>
#include <deeprec/optimizers/optimizer.hpp>
#include <deeprec/optimizers/radam.hpp>
#include <deeprec/optimizers/rmsprop.hpp>
#include <deeprec/optimizers/schedules.hpp>
#include <deeprec/optimizers/sgd.hpp>
