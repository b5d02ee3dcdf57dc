# What the headers need: used by deeprec's own build and, installed, by find_package(deeprec).
# Leaves a sentence in `deeprec_missing` when something is not there.

block(PROPAGATE deeprec_missing)
    set(CMAKE_FIND_PACKAGE_TARGETS_GLOBAL TRUE) # a parent of add_subdirectory(deeprec) must see these targets too
    set(deeprec_missing "")

    # Said once for each configuration, because nothing else says it.
    get_property(said GLOBAL PROPERTY deeprec_said_build_type)
    get_property(many_build_types GLOBAL PROPERTY GENERATOR_IS_MULTI_CONFIG)
    if(NOT said AND NOT CMAKE_BUILD_TYPE AND NOT many_build_types AND NOT CMAKE_CXX_FLAGS MATCHES "-O[1-9sgz]")
        set_property(GLOBAL PROPERTY deeprec_said_build_type ON)
        message(NOTICE "deeprec: no CMAKE_BUILD_TYPE is set, so nothing is optimised and programs run up to 110 times "
                       "slower; set it, for example with -DCMAKE_BUILD_TYPE=Release")
    endif()

    find_package(Threads QUIET)
    if(NOT TARGET Threads::Threads)
        string(APPEND deeprec_missing "deeprec needs a thread library that CMake's FindThreads knows. ")
    endif()

    # Found without a version, because a request for 3.4 refuses Eigen 5 and a range refuses 3.4.0.
    if(NOT TARGET Eigen3::Eigen)
        find_package(Eigen3 QUIET)
        if(NOT Eigen3_FOUND OR Eigen3_VERSION VERSION_LESS 3.4)
            string(APPEND deeprec_missing
                "deeprec needs Eigen 3.4 or newer (Debian: libeigen3-dev), found: '${Eigen3_VERSION}'. ")
        endif()
    endif()

    # Only xsimd's include directories: some distributions let its target link an xtl library that does not exist.
    if(NOT TARGET deeprec::xsimd)
        if(NOT TARGET xsimd)
            find_package(xsimd QUIET)
            if(NOT xsimd_FOUND OR xsimd_VERSION VERSION_LESS 8.1)
                string(APPEND deeprec_missing
                    "deeprec needs xsimd 8.1 or newer (Debian: libxsimd-dev), found: '${xsimd_VERSION}'. ")
            endif()
        endif()
        if(TARGET xsimd)
            add_library(deeprec::xsimd INTERFACE IMPORTED GLOBAL)
            set_target_properties(deeprec::xsimd PROPERTIES
                INTERFACE_INCLUDE_DIRECTORIES "$<TARGET_PROPERTY:xsimd,INTERFACE_INCLUDE_DIRECTORIES>")
        endif()
    endif()
endblock()
