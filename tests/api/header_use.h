/* header_use.h - what a host does with the headers, in C and in C++: every initializer, with
 * arguments of the types that hosts have; a call of OpenCL 1.2 that later versions mark as
 * deprecated, and one of OpenCL 2 and later, where headers.sh says that they are there. */
static inline lms_u32 use_initializers(int beams, size_t k, double alpha)
{
    const unsigned few = 4;
    lms_filters filters = LMS_FILTERS_INIT;
    lms_row_params row = LMS_ROW_PARAMS_INIT;
    lms_request request = LMS_REQUEST_INIT;
    lms_row_edits edits = LMS_ROW_EDITS_INIT;
    lms_beam_params fixed_beam = LMS_BEAM_PARAMS_INIT(4);
    lms_beam_params beam = LMS_BEAM_PARAMS_INIT(beams);
    lms_beam_params wide_beam = LMS_BEAM_PARAMS_INIT(few + k);
    lms_contrastive_params fixed_contrastive = LMS_CONTRASTIVE_PARAMS_INIT(0.6f, 5);
    lms_contrastive_params contrastive = LMS_CONTRASTIVE_PARAMS_INIT(alpha, k);
    lms_contrastive_params whole = LMS_CONTRASTIVE_PARAMS_INIT(beams - 1, beams + 1);
    return request.edits + edits.flags + filters.flags + row.filters.flags + fixed_beam.width +
           beam.width + wide_beam.width + fixed_contrastive.k + contrastive.k + whole.k;
}

#ifdef USE_OPENCL_1
static inline cl_command_queue use_opencl_1(cl_context context, cl_device_id device)
{
    cl_int error = CL_SUCCESS;
    return clCreateCommandQueue(context, device, 0, &error);
}
#endif

#ifdef USE_OPENCL_3
static inline cl_command_queue use_opencl_3(cl_context context, cl_device_id device)
{
    cl_int error = CL_SUCCESS;
    return clCreateCommandQueueWithProperties(context, device, NULL, &error);
}
#endif
