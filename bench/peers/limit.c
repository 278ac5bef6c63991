/* The limit: the benchmark policy as one loop over households, everything known. Nothing is generic here. */
#include "limit.h"

static void villages(const struct inputs *in, const struct outputs *o, const struct parameters *q, int64_t *sums, int32_t from, int32_t to)
{
    const int64_t line = q->poverty_line;
    for (int32_t v = from; v < to; v++) {
        int64_t s[SUMS] = {0};
        const int64_t dibao = in->village_codes[v] / 100000000 == 1501 ? q->dibao_1501 : in->pastoral[v] ? q->dibao_pastoral : q->dibao_general;
        for (int32_t h = in->households_at[v]; h < in->households_at[v + 1]; h++) {
            const int32_t a = in->members_at[h], z = in->members_at[h + 1];
            const int64_t members = z - a;
            int32_t able_members = 0, dropouts = 0, units = 0, insured = 0, school = 0, dependents = 0;
            int64_t medical_total = 0, wages = 0;
            int any_severe = 0;
            for (int32_t p = a; p < z; p++) {
                const int age = q->age_on[in->birth[p] - q->first_day], at_school = q->school_age_on[in->birth[p] - q->first_day];
                const int grade = in->disability_grade[p], schooling = in->schooling[p], labour = in->labour[p];
                const int school_age = at_school >= 6 && at_school <= 14, severe = grade == 1 || grade == 2;
                const int dropout = school_age & (schooling == 0) & !severe;
                const int able = (age >= 16) & (age <= 59) & (labour <= 1) & (schooling < 4);
                const int dependent = (age < 16) | (age >= 60) | (labour == 3);
                const int unit = in->relation[p] == 0 ? 10 : age >= 14 ? 7 : 5;
                const int64_t over = in->medical_cost[p] - q->medical_threshold, burden = over > 0 ? over : 0;
                o->age[p] = age; o->school_age[p] = school_age; o->severe_disabled[p] = severe; o->dropout[p] = dropout;
                o->able[p] = able; o->dependent[p] = dependent; o->adult_units[p] = unit; o->medical_burden[p] = burden;
                o->migrant[p] = able & (in->months_away[p] >= 6);
                able_members += able; dropouts += dropout; units += unit; insured += in->insured[p]; school += school_age;
                dependents += dependent; medical_total += burden; wages += in->wage[p];
                any_severe |= severe | (in->health[p] == 2);
            }
            const int all_insured = insured == members;
            const int64_t herd = (in->sheep_units[h] * q->sheep_unit_income + 50) / 100;
            const int64_t net = wages + in->farming[h] + in->business[h] + in->transfer[h] + in->property[h] + herd - in->production_cost[h];
            const int64_t per_head = members > 0 ? round_div(net, members) : 0;
            const int below = members > 0 && net < line * members;
            const int64_t gap = below ? line * members - net : 0;
            const int below_dibao = net < dibao * members;
            const int crowded = members > 0 && in->dwelling_area[h] < 130 * members;
            const int safe = in->dwelling_grade[h] <= 1;
            const int guarantees = (dropouts == 0) & all_insured & safe & in->water_ok[h];
            const int wealthy = (in->has_car[h] & !any_severe) | (in->sheep_units[h] > 40000);
            const int poor = (below | ((per_head * 10 < line * q->near_factor10) & !guarantees)) & !wealthy;
            const int five = (members >= 1) & (members <= 2) & (able_members == 0) & below_dibao & (dependents == members);
            const int class = five && !wealthy ? 3 : poor && below_dibao ? 2 : poor ? 1 : 0;
            const int64_t top_up = members > 0 && class >= 2 && below_dibao ? round_div(dibao * members - net, members) : 0;
            const int64_t top_up_uplifted = top_up + (top_up * q->uplift100 + 50) / 100;
            o->members[h] = members; o->able_members[h] = able_members; o->dropouts[h] = dropouts; o->units[h] = units;
            o->medical_total[h] = medical_total; o->all_insured[h] = all_insured; o->has_severe[h] = any_severe;
            o->herd_income[h] = herd; o->net_income[h] = net; o->per_head[h] = per_head;
            o->per_unit[h] = units > 0 ? round_div(net * 10, units) : 0; o->below_line[h] = below; o->gap[h] = gap;
            o->below_dibao[h] = below_dibao; o->crowded[h] = crowded; o->dwelling_safe[h] = safe; o->guarantees_ok[h] = guarantees;
            o->wealthy[h] = wealthy; o->identified_poor[h] = poor; o->five_guarantee[h] = five; o->household_class[h] = class;
            o->dibao_gap[h] = top_up; o->stale_survey[h] = q->months_since[in->surveyed[h] - q->first_day] > 12;

            int64_t aid = 0;
            int any_trainable = 0, able_poor = 0;
            for (int32_t p = a; p < z; p++) {
                const int age = o->age[p], severe = o->severe_disabled[p], able = o->able[p], weak = (age < 16) | (age >= 60) | severe;
                const int64_t living = weak ? top_up_uplifted : top_up;
                const int64_t nursing = severe && class != 3 ? q->nursing_rate[in->disability_grade[p]] * 12 : 0;
                const int64_t grant = poor ? q->grant_by_stage[in->schooling[p]] : 0;
                const int64_t share = ((int64_t)o->medical_burden[p] * q->relief_share100 + 50) / 100;
                const int64_t relief = poor ? (share < q->relief_cap ? share : q->relief_cap) : 0;
                const int64_t old = age >= 80 ? q->old_age_rate * 12 : age >= 70 && poor ? q->old_age_rate * 6 : 0;
                const int64_t sum = living + nursing + grant + relief + old;
                const int trainable = able & !o->migrant[p] & (age <= 45) & poor;
                o->living_allowance[p] = living; o->nursing_subsidy[p] = nursing; o->education_grant[p] = grant;
                o->medical_relief[p] = relief; o->old_age_supplement[p] = old; o->person_aid[p] = sum; o->trainable[p] = trainable;
                aid += sum; any_trainable |= trainable; able_poor += able & poor;
            }
            const int64_t after = net + aid;
            const int still = members > 0 && after < line * members;
            const int risk = (still ? 3 : 0) + (medical_total * 2 > after ? 2 : 0) + (crowded | !safe) + (in->debt[h] > after) + (able_members == 0);
            const int at_risk = (risk >= 3) | (still & any_severe);
            const int cause = in->main_cause[h];
            o->aid[h] = aid; o->income_after[h] = after; o->still_below[h] = still; o->risk_score[h] = risk; o->at_risk[h] = at_risk;
            o->measure[h] = class == 3 ? 5 : any_trainable ? 1 : !safe && (cause == 5 || cause == 6) ? 2 : in->grain_kg[h] < members * 150 ? 3
                            : dropouts > 0 || cause == 3 ? 4 : at_risk ? 5 : 0;
            const int64_t pay = any_severe ? q->job_pay * 6 : q->job_pay * 12;
            int64_t jobs = 0;
            for (int32_t p = a; p < z; p++) {
                const int job = o->able[p] & !o->migrant[p] & (o->age[p] >= 40) & at_risk;
                o->public_job[p] = job;
                o->public_job_amount[p] = job ? pay : 0;
                jobs += job ? pay : 0;
            }
            const int secured = guarantees && members > 0 && after + jobs >= line * members;
            o->job_income[h] = jobs; o->secured[h] = secured;
            s[PEOPLE] += members; s[POOR_HOUSEHOLDS] += poor; s[POOR_PEOPLE] += poor ? members : 0; s[BELOW_PEOPLE] += below ? members : 0;
            s[GAP] += gap; s[NET_INCOME] += net; s[INSURED] += insured; s[DROPOUT] += dropouts; s[SCHOOL_AGE] += school; s[UNSAFE] += !safe;
            s[HOUSEHOLDS]++; s[ABLE_POOR] += able_poor; s[GUARANTEED] += class >= 2 ? members : 0; s[AID] += aid; s[AID_POOR] += poor ? aid : 0;
            s[STILL_PEOPLE] += still ? members : 0; s[AT_RISK] += at_risk; s[JOB_PAY] += jobs; s[SECURED] += secured;
        }
        for (int k = 0; k < SUMS; k++) sums[(int64_t)v * 2 * SUMS + k] = s[k];
    }
}
