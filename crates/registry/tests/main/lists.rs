//! Synthetic lists in the 30 columns of the national export of 2022. The people do not exist: their identity numbers
//! begin with 159900, which belongs to no place.

use bangfu_policy::identity::check_character;
use bangfu_registry::office::{CellKind, ColumnSpec, SheetSpec, write_csv, write_workbook};

/// The columns of the list.
pub(crate) const COLUMNS: [&str; 30] = [
    "县",
    "乡",
    "行政村",
    "自然村",
    "户编号",
    "人编号",
    "姓名",
    "证件号码",
    "人数",
    "与户主关系",
    "民族",
    "文化程度",
    "在校生状况",
    "健康状况",
    "劳动技能",
    "务工时间(月)",
    "是否参加大病保险",
    "致贫原因1",
    "危房户",
    "是否解决安全饮用水",
    "人均纯收入",
    "户联系电话",
    "人联系电话",
    "首次识别时间",
    "人员识别时间",
    "户类型",
    "监测对象类型",
    "风险是否消除",
    "风险识别时间",
    "风险消除时间",
];

/// An identity number of a birth (yyyymmdd) and an order number, with its check digit.
pub(crate) fn id_number(birth: &str, order: u16) -> String {
    let body = format!("159900{birth}{order:03}");
    format!("{body}{}", check_character(&body).unwrap())
}

/// A list, row by row.
#[derive(Clone)]
pub(crate) struct List {
    pub(crate) columns: Vec<String>,
    pub(crate) rows: Vec<Vec<String>>,
}

impl List {
    /// Four households with ten persons.
    pub(crate) fn sample() -> Self {
        let mut list = Self { columns: COLUMNS.iter().map(|title| (*title).to_owned()).collect(), rows: Vec::new() };
        let wool = ["敖汉旗", "新惠镇", "格格召", "东浩特", "1500000000000001", "一般脱贫户"];
        list.household(
            &wool,
            "乌云其其格·巴雅尔 户主 19650304 121 蒙古族 初中 - 长期慢性病 普通劳动力 6
             包文明 配偶 19670708 132 汉族 小学 - 健康 普通劳动力 10
             包乌兰 之女 20030909 144 蒙古 - 本科一年级 健康 无劳动力 0",
            "因病 否 是 9876.5 13947600001 2014/6/30",
            "- - - -",
        );
        let guarded = ["敖汉旗", "新惠镇", "扎赛营子村", "", "1500000000000002", "低保脱贫户"];
        list.household(
            &guarded,
            "韩玉山 户主 19580112 253 满族 文盲或半文盲 - 患有大病,残疾 丧失劳动力 -
             韩小满 之孙女 20180520 268 满族 - 学龄前儿童 健康 无劳动力 -",
            "因残 否 是 6120 13947600002 2014-06-30",
            "脱贫不稳定户 否 2021-09-15 -",
        );
        let alone = ["阿鲁科尔沁旗", "天山镇", "杨树林", "西组", "1500000000000003", "特困供养脱贫户"];
        list.household(
            &alone,
            "高娃 户主 19400202 320 蒙古族 小学 - 健康 弱劳动力或半劳动力 -",
            "缺劳动力 是 否 11200 - 20151130",
            "- - - -",
        );
        let edge = ["阿鲁科尔沁旗", "天山镇", "西双山村民委员会", "", "1500000000000004", "一般农户"];
        list.household(
            &edge,
            "白海泉 户主 19780615 431 达斡尔族 高中 - 健康 技能劳动力 11
             何秀英 配偶 19800228 426 汉族 大专 - 健康 普通劳动力 -
             白晨 之子 20080301 437 达斡尔族 - 八年级 健康 无劳动力 -
             白海波 之兄弟姐妹 19820909 453 达斡尔族 初中 - 健康 普通劳动力 3",
            "因学 否 是 8800.00 13947600004 2021-03-01",
            "边缘易致贫户 是 2021-03-01 2022-06-20",
        );
        // The grandfather of the second household holds a disability card: kind 4, grade 2.
        let card = format!("{}42", list.cell(3, "证件号码"));
        list.set(3, "证件号码", &card);
        list
    }

    fn household(
        &mut self,
        [county, town, village, hamlet, number, kind]: &[&str; 6],
        people: &str,
        own: &str,
        risk: &str,
    ) {
        let words = |line: &str| -> Vec<String> {
            let blank = |word: &str| if word == "-" { String::new() } else { word.to_owned() };
            line.split_whitespace().map(blank).collect()
        };
        let (own, risk) = (words(own), words(risk));
        let people: Vec<Vec<String>> = people.lines().map(words).collect();
        for (index, person) in people.iter().enumerate() {
            let [name, relation, birth, order, people_of, education, grade, health, labour, months] = person.as_slice()
            else {
                panic!("ten words: {person:?}")
            };
            let [cause, unsafe_house, water, income, phone, since] = own.as_slice() else {
                panic!("six words: {own:?}")
            };
            let text = |text: &str| text.to_owned();
            let mut row = vec![text(county), text(town), text(village), text(hamlet), text(number)];
            row.extend([format!("{number}{:02}", index + 1), name.clone(), id_number(birth, order.parse().unwrap())]);
            row.extend([
                people.len().to_string(),
                relation.clone(),
                people_of.clone(),
                education.clone(),
                grade.clone(),
            ]);
            row.extend([health.clone(), labour.clone(), months.clone(), text("是"), cause.clone()]);
            row.extend([unsafe_house.clone(), water.clone(), income.clone(), phone.clone(), String::new()]);
            row.extend([since.clone(), since.clone(), text(kind)]);
            row.extend(risk.iter().cloned());
            assert_eq!(row.len(), COLUMNS.len());
            self.rows.push(row);
        }
    }

    fn column(&self, title: &str) -> usize {
        self.columns.iter().position(|column| column == title).unwrap()
    }

    /// A cell; rows from 0.
    pub(crate) fn cell(&self, row: usize, column: &str) -> String {
        self.rows[row][self.column(column)].clone()
    }

    /// Writes a cell; rows from 0.
    pub(crate) fn set(&mut self, row: usize, column: &str, text: &str) {
        let column = self.column(column);
        text.clone_into(&mut self.rows[row][column]);
    }

    /// Rows whose cell is one of some texts.
    pub(crate) fn only(&self, column: &str, texts: &[&str]) -> Self {
        let at = self.column(column);
        let rows = self.rows.iter().filter(|row| texts.contains(&row[at].as_str())).cloned().collect();
        Self { columns: self.columns.clone(), rows }
    }

    fn sheet(&self) -> SheetSpec {
        let kind = |title: &str| match title {
            "人数" | "务工时间(月)" => CellKind::Number(0),
            "人均纯收入" => CellKind::Number(2),
            _ => CellKind::Text,
        };
        SheetSpec {
            name: "名单".to_owned(),
            columns: self.columns.iter().map(|title| ColumnSpec::new(title, kind(title))).collect(),
            rows: self.rows.clone(),
        }
    }

    /// The list as CSV.
    pub(crate) fn csv(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        write_csv(&mut bytes, &self.sheet()).unwrap();
        bytes
    }

    /// The list as a workbook.
    pub(crate) fn xlsx(&self) -> Vec<u8> {
        write_workbook(&[self.sheet()]).unwrap()
    }
}
