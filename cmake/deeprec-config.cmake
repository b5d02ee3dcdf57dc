# find_package(deeprec): defines the target deeprec::deeprec, and deeprec::compiled where it was built.
include("${CMAKE_CURRENT_LIST_DIR}/deeprec-dependencies.cmake")
if(deeprec_missing)
    set(deeprec_FOUND FALSE)
    set(deeprec_NOT_FOUND_MESSAGE "${deeprec_missing}")
    return()
endif()
include("${CMAKE_CURRENT_LIST_DIR}/deeprec-targets.cmake")
